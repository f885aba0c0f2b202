import { leafKinds } from './words.ts';

/** Which entries the audit page shows, as it stands in the URL. */
export interface AuditFilters {
  readonly kind: string | null;
  readonly accountId: string | null;
  readonly desktopId: string | null;
  /** Looked for in what was read already: the log itself is not searched by words. */
  readonly text: string;
}

const idPattern = /^[0-9a-f]{32}$/;
const textLimit = 64;

export function readAuditFilters(url: URLSearchParams): AuditFilters {
  const id = (name: string): string | null => (idPattern.test(url.get(name) ?? '') ? url.get(name) : null);
  return { kind: leafKinds.find((kind) => kind === url.get('kind')) ?? null, accountId: id('account'), desktopId: id('desktop'), text: (url.get('search') ?? '').slice(0, textLimit) };
}

/** What the coordinator is asked for. */
export function auditAsk({ kind, accountId, desktopId }: AuditFilters): Record<string, string> {
  return { ...(kind === null ? {} : { kind }), ...(accountId === null ? {} : { accountId }), ...(desktopId === null ? {} : { desktopId }) };
}

/** Every entry of the log is asked for, so that a missing one can be noticed. */
export function isWhole(filters: AuditFilters): boolean {
  return Object.keys(auditAsk(filters)).length === 0;
}
