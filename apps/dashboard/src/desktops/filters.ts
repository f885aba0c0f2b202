import type { DesktopRow, Protection } from '@godwit/wire/operators';
import { oneOf } from '../parts/table-state.ts';

/** What a list shows, as it stands in the URL, so that a link shows the same to everybody. Unknown words in a URL count as not said. */

export const conditions = ['held', 'departing', 'arriving', 'free', 'out-of-reach', 'new'] as const satisfies readonly DesktopRow['condition'][];
export const protections = ['unprotected', 'late', 'fresh', 'safe'] as const satisfies readonly Protection[];
export const sorts = ['name', 'durable', 'bytes'] as const;
/** list: one long list; pages: a hundred rows at a time. */
export const views = ['list', 'pages'] as const;

export interface DesktopFilters {
  readonly search: string;
  readonly condition: (typeof conditions)[number] | null;
  readonly protection: Protection | null;
  readonly hostId: string | null;
  readonly sort: (typeof sorts)[number];
  readonly view: (typeof views)[number];
  /** The first row that is shown, in pages; from 0. */
  readonly from: number;
}

const searchLimit = 64;

export function readDesktopFilters(url: URLSearchParams): DesktopFilters {
  const hostId = url.get('host') ?? '';
  const from = url.get('from') ?? '';
  return {
    search: (url.get('search') ?? '').slice(0, searchLimit),
    condition: oneOf(url, 'condition', conditions) ?? null,
    protection: oneOf(url, 'protection', protections) ?? null,
    hostId: /^[0-9a-f]{32}$/.test(hostId) ? hostId : null,
    sort: oneOf(url, 'sort', sorts) ?? 'name',
    view: oneOf(url, 'view', views) ?? 'list',
    from: /^(0|[1-9][0-9]{0,8})$/.test(from) ? Number(from) : 0,
  };
}

/** Only what differs from an empty URL. */
export function writeDesktopFilters({ search, condition, protection, hostId, sort, view, from }: DesktopFilters): URLSearchParams {
  const said: [string, string][] = [['search', search], ['condition', condition ?? ''], ['protection', protection ?? ''], ['host', hostId ?? ''], ['sort', sort === 'name' ? '' : sort], ['view', view === 'list' ? '' : view], ['from', from === 0 ? '' : `${from}`]];
  return new URLSearchParams(said.filter(([, value]) => value !== ''));
}

/** What the coordinator is asked for. */
export function desktopsAsk({ search, condition, protection, hostId, sort }: DesktopFilters, from: number): Record<string, string> {
  return { sort, from: `${from}`, ...(search === '' ? {} : { search }), ...(condition === null ? {} : { condition }), ...(protection === null ? {} : { protection }), ...(hostId === null ? {} : { hostId }) };
}
