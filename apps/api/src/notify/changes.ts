import type { Attention, ShownAttention } from '@godwit/wire';

/** What is to be told of what needs a person, from what was told and what is. No clock, no database. */

export interface Notice extends Attention {
  readonly change: 'new' | 'worse' | 'gone';
}

export interface Told {
  /** As it was told last. */
  readonly entry: Attention;
  /** Since when it is not on the list; null: it was there at the last look. */
  readonly missingMs: number | null;
}

export interface Look {
  /** The worst first. */
  readonly list: readonly ShownAttention[];
  /** There may be more than the list shows: nobody knows what is gone. */
  readonly isCut: boolean;
  readonly nowMs: number;
}

export interface Changes {
  /** The worst first, what is gone last. */
  readonly notices: readonly Notice[];
  /** Ids of what was told and is no more, since this look; and of what was missing and is there again. Nobody is told of either. */
  readonly missing: readonly string[];
  readonly back: readonly string[];
  /** What has become better: as it is now, so that its becoming worse again would be told. */
  readonly eased: readonly Attention[];
}

/** More wait for the next message. */
export const noticesMax = 100;
const ranks = { low: 0, medium: 1, high: 2 } as const;

/** `goneAfterMs`: so long something has to be missing before it is told to be gone, so that what comes and goes is told once. */
export function changesOf(told: readonly Told[], { list, isCut, nowMs }: Look, goneAfterMs: number): Changes {
  const before = new Map(told.map((each) => [each.entry.id, each]));
  const now = new Set(list.map(({ id }) => id));
  // What somebody takes care of is quiet.
  const loud = list.filter(({ acknowledged }) => acknowledged === null);
  const notices = loud.flatMap((entry) => noticeOf(entry, before.get(entry.id)));
  const away = isCut ? [] : told.filter(({ entry }) => !now.has(entry.id));
  const gone = away.filter(({ missingMs }) => missingMs !== null && nowMs - missingMs >= goneAfterMs);
  return {
    notices: [...notices, ...gone.map(({ entry }) => ({ ...entry, change: 'gone' as const }))].slice(0, noticesMax),
    missing: away.filter(({ missingMs }) => missingMs === null).map(({ entry }) => entry.id),
    back: told.filter(({ entry, missingMs }) => missingMs !== null && now.has(entry.id)).map(({ entry }) => entry.id),
    eased: list.filter(({ id, severity }) => ranks[severity] < ranks[before.get(id)?.entry.severity ?? 'low']).map(plain),
  };
}

function noticeOf(entry: ShownAttention, told: Told | undefined): Notice[] {
  if (told === undefined) return [{ ...plain(entry), change: 'new' }];
  return ranks[entry.severity] > ranks[told.entry.severity] ? [{ ...plain(entry), change: 'worse' }] : [];
}

function plain({ acknowledged: _, ...entry }: ShownAttention): Attention {
  return entry;
}
