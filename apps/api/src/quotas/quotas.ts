import { sql } from 'kysely';
import { Fault, type AccountId } from '@godwit/base';
import type { AccountQuotas, OwnQuotas } from '@godwit/wire';
import type { Queries, Trx } from '../database/database.ts';
import { takeOne, takenOf } from './allowance.ts';

/** What every account may have and do that was given nothing of its own. */
export interface DefaultQuotas {
  readonly desktops: number;
  readonly bytes: number;
  readonly movesPerHour: number;
}

interface Row {
  readonly desktops: number | null;
  readonly bytes: number | null;
  readonly moves_per_hour: number | null;
  readonly used_bytes: number;
  readonly moves_until_ms: number;
  readonly default_desktops: number;
  readonly default_bytes: number;
  readonly default_moves_per_hour: number;
  readonly now_ms: number;
}

const columns = sql`
  q.desktops, q.bytes, q.moves_per_hour, q.used_bytes, q.moves_until_ms, c.desktops_quota as default_desktops, c.bytes_quota as default_bytes,
  c.moves_per_hour_quota as default_moves_per_hour, extract(epoch from clock_timestamp())::double precision * 1000 as now_ms`;

/** In the database, so that all replicas and `godwit-coordinator quota` go by the same: those of the coordinator that started last. */
export async function keepDefaultQuotas(db: Queries, { desktops, bytes, movesPerHour }: DefaultQuotas): Promise<void> {
  await db.updateTable('coordinator').set({ desktops_quota: desktops, bytes_quota: bytes, moves_per_hour_quota: movesPerHour }).execute();
}

/** Throws ACCOUNT_NOT_FOUND. */
export async function readQuotas(db: Queries, accountId: AccountId): Promise<AccountQuotas> {
  const row = await readRow(db, accountId);
  const { existing } = await countDesktops(db, accountId);
  return {
    quotas: {
      desktops: { used: existing, most: row.desktops ?? row.default_desktops },
      bytes: { used: row.used_bytes, most: row.bytes ?? row.default_bytes },
      movesPerHour: { used: takenOf(allowanceOf(row), row.now_ms), most: allowanceOf(row).most },
    },
    own: { desktops: row.desktops, bytes: row.bytes, movesPerHour: row.moves_per_hour },
  };
}

/** Throws ACCOUNT_NOT_FOUND. What is there already stays, also where it is more. */
export async function writeQuotas(trx: Trx, accountId: AccountId, { desktops, bytes, movesPerHour }: OwnQuotas): Promise<void> {
  const { numUpdatedRows: rows } = await trx.updateTable('account_quotas').set({ desktops, bytes, moves_per_hour: movesPerHour }).where('account_id', '=', accountId).executeTakeFirst();
  if (rows === 0n) throw new Fault('ACCOUNT_NOT_FOUND');
}

/** Throws QUOTA_DESKTOPS. The caller has the account's row locked, so nobody else adds a desktop. */
export async function requireRoomForDesktop(trx: Trx, accountId: AccountId): Promise<void> {
  const row = await readRow(trx, accountId);
  const most = row.desktops ?? row.default_desktops;
  const { existing } = await countDesktops(trx, accountId);
  if (existing >= most) throw new Fault('QUOTA_DESKTOPS', { expected: `at most ${most}`, found: `${existing}` });
}

/**
 * Throws QUOTA_BYTES where the account has more than it may, with `moreBytes` that are about to come. Called with 0 behind an insert into
 * `objects` in the same transaction: that has locked the count, so of two at once one sees the other.
 */
export async function requireRoomForBytes(db: Queries, accountId: AccountId, moreBytes: number): Promise<void> {
  const row = await readRow(db, accountId);
  const most = row.bytes ?? row.default_bytes;
  const found = row.used_bytes + moreBytes;
  if (found > most) throw new Fault('QUOTA_BYTES', { expected: `at most ${most} bytes in the store`, found: `${found}` });
}

/** One more change of owner. Throws QUOTA_MOVES. Called with the desktop's row locked, never before: locks are taken in one order. */
export async function takeMove(trx: Trx, accountId: AccountId): Promise<void> {
  const row = await readRow(trx, accountId, sql`for no key update of q`);
  const allowance = allowanceOf(row);
  const taken = takeOne(allowance, row.now_ms);
  if ('waitMs' in taken) throw new Fault('QUOTA_MOVES', { expected: `at most ${allowance.most} an hour`, found: taken.waitMs === Infinity ? 'one' : `one more; the next is possible in ${Math.ceil(taken.waitMs / 1000)} s` });
  await trx.updateTable('account_quotas').set({ moves_until_ms: taken.untilMs }).where('account_id', '=', accountId).execute();
}

async function readRow(db: Queries, accountId: AccountId, lock = sql``): Promise<Row> {
  const { rows: [row] } = await sql<Row>`select ${columns} from account_quotas q cross join coordinator c where q.account_id = ${accountId} ${lock}`.execute(db);
  if (row === undefined) throw new Fault('ACCOUNT_NOT_FOUND');
  return row;
}

async function countDesktops(db: Queries, accountId: AccountId): Promise<{ existing: number }> {
  return db.selectFrom('desktops').select((select) => select.fn.countAll<number>().as('existing')).where('account_id', '=', accountId).executeTakeFirstOrThrow();
}

function allowanceOf(row: Row): { untilMs: number; most: number } {
  return { untilMs: row.moves_until_ms, most: row.moves_per_hour ?? row.default_moves_per_hour };
}
