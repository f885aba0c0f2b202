import { sql } from 'kysely';
import type { OperatorActKind, OperatorActs } from '@godwit/wire';
import type { Queries, Trx } from '../database/database.ts';

/** The record of what operators did. It is written in the transaction of what it tells of, and only grows: the table refuses all else. */

const rowsMax = 100;

interface Told {
  /** Whom or what it was done to, by name; empty where the act says all. */
  readonly subject: string;
  readonly detail?: Readonly<Record<string, string | null | undefined>>;
}

/** `by`: null for whoever has the coordinator's machine. Their name is kept as it is now. */
export async function recordAct(trx: Trx, by: { readonly operatorId: string; readonly name?: string } | null, act: OperatorActKind, { subject, detail = {} }: Told): Promise<void> {
  const said = Object.fromEntries(Object.entries(detail).flatMap(([name, value]) => (value === null || value === undefined ? [] : [[name, value.slice(0, 512)]])));
  const name = by === null ? null : by.name ?? sql<string>`(select name from operators where operator_id = ${by.operatorId})`;
  await trx.insertInto('operator_acts').values({ operator_id: by?.operatorId ?? null, operator_name: name, act, subject: subject.slice(0, 256), detail: JSON.stringify(said) }).execute();
}

/** Newest first, below `before`. */
export async function listActs(db: Queries, before: number | undefined): Promise<OperatorActs> {
  const found = await db.selectFrom('operator_acts').selectAll().$if(before !== undefined, (query) => query.where('act_id', '<', before ?? 0)).orderBy('act_id', 'desc').limit(rowsMax + 1).execute();
  const rows = found.slice(0, rowsMax);
  return {
    acts: rows.map((row) => ({ actId: row.act_id, timeMs: row.done_at.getTime(), operatorName: row.operator_name, act: row.act, subject: row.subject, detail: row.detail })),
    next: found.length > rowsMax ? (rows.at(-1)?.act_id ?? null) : null,
  };
}
