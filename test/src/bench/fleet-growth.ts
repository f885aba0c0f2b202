import { rowsOf } from '@godwit/api/testing';

/** The audit log and the events stay for ever. */
const forEver = ['audit_leaves', 'audit_nodes', 'events'] as const;
/** These stay in full until their checkpoint is pruned. All other tables have a row or a few for each host and desktop. */
const untilPruned = ['checkpoints', 'objects'] as const;

/** A desktop of somebody who works with it every day: there and back, twice; a checkpoint every ten minutes of eight hours (apps/agent/src/protect/pace.ts). */
export const year = { movesPerDay: 4, checkpointsPerDay: 48 } as const;

/** Bytes are those on disk, with indexes: whole pages, so few more rows may take none. */
export interface Kept {
  readonly rows: number;
  readonly bytes: number;
  /** Of those: what stays for ever. */
  readonly rowsForEver: number;
  readonly bytesForEver: number;
}

export async function keptNow(databaseUrl: string): Promise<Kept> {
  const parts = [...forEver, ...untilPruned].map((table) => `select '${table}' as name, count(*)::int as rows, pg_total_relation_size('${table}')::bigint::text as bytes from ${table}`);
  const tables = await rowsOf<{ name: string; rows: number; bytes: string }>(databaseUrl, parts.join(' union all '));
  const stay = tables.filter(({ name }) => forEver.some((table) => table === name));
  const sum = (of: typeof tables, part: 'rows' | 'bytes'): number => of.reduce((all, table) => all + Number(table[part]), 0);
  return { rows: sum(tables, 'rows'), bytes: sum(tables, 'bytes'), rowsForEver: sum(stay, 'rows'), bytesForEver: sum(stay, 'bytes') };
}

/** What the nonces of requests take on disk: those of the last minutes, and what was swept out and is used again. */
export async function nonceBytesNow(databaseUrl: string): Promise<number> {
  const [row] = await rowsOf<{ bytes: string }>(databaseUrl, `select pg_total_relation_size('request_nonces')::bigint::text as bytes`);
  return Number(row?.bytes ?? 0);
}

/** What came to it, for each of `count`. */
export function eachOf(before: Kept, after: Kept, count: number): Kept {
  return combined((part) => (after[part] - before[part]) / count);
}

export function perYear(move: Kept, checkpoint: Kept): Kept {
  return combined((part) => Math.round(365 * (year.movesPerDay * move[part] + year.checkpointsPerDay * checkpoint[part])));
}

function combined(of: (part: keyof Kept) => number): Kept {
  return { rows: of('rows'), bytes: of('bytes'), rowsForEver: of('rowsForEver'), bytesForEver: of('bytesForEver') };
}
