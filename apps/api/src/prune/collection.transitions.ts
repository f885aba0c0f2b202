import { sql } from 'kysely';
import type { AccountId, DesktopId, HostId } from '@godwit/base';
import { droppedBy, type Retention } from '@godwit/snapshot';
import { record } from '../audit/record.ts';
import type { Queries, Trx } from '../database/database.ts';
import { lockForCollection } from './collection-lock.ts';

/**
 * Collection in two phases, each step one transaction that holds `lockForCollection`:
 *
 * ```
 *            no checkpoint reaches it            for the grace time, looked at again      gone from the store
 *   stored -------------------------> condemned -------------------------------> deleting ------------------> (no row)
 *          <-------------------------
 *            a commit names it
 * ```
 * Never condemned: what a checkpoint that is not dropped reaches, in any desktop of the account; what may still be committed
 * (its epoch is current and held, or later than the current one: then this database was set back); what is younger than the
 * grace time and was never committed. Leaks are safe, deletions are not: where the two meet, the object stays.
 */

/** Ids of all objects that some checkpoint of the account needs. */
const live = (accountId: AccountId) => sql`select distinct unnest(object_ids) as id from checkpoints where account_id = ${accountId} and dropped_at is null`;

/** The desktop whose epoch is over that object `o` was written in: `d-<desktop>/e-<epoch, 16 hex>/...` (libs/snapshot, layout.ts). */
const deadEpoch = (accountId: AccountId) => sql`
  select d.epoch from desktops d
  where d.account_id = ${accountId} and d.desktop_id = substring(o.object_key from 3 for 32)::uuid
    and (substring(o.object_key from 38 for 16) < lpad(to_hex(d.epoch), 16, '0')
      or (substring(o.object_key from 38 for 16) = lpad(to_hex(d.epoch), 16, '0') and not d.held))`;

const ago = (ms: number) => sql`clock_timestamp() - make_interval(secs => ${ms / 1000})`;

/** Drops what the policy does not want. The sequences it dropped, ascending, and how many stay. */
export async function dropCheckpoints(trx: Trx, place: { accountId: AccountId; desktopId: DesktopId; hostId: HostId }, retention: Retention): Promise<{ dropped: number[]; kept: number }> {
  const { accountId, desktopId, hostId } = place;
  const rows = await trx.selectFrom('checkpoints').select(['sequence', 'acknowledged_at']).where('account_id', '=', accountId).where('desktop_id', '=', desktopId).where('dropped_at', 'is', null).execute();
  const dropped = droppedBy(retention, rows.map((row) => ({ sequence: row.sequence, acknowledgedMs: row.acknowledged_at.getTime() })));
  if (dropped.length > 0) {
    await sql`
      update checkpoints set dropped_at = clock_timestamp()
      where account_id = ${accountId} and desktop_id = ${desktopId} and sequence = any(${dropped}::bigint[])
        and sequence <> (select head_sequence from desktops where account_id = ${accountId} and desktop_id = ${desktopId})`.execute(trx);
    await record(trx, { accountId, kind: 'checkpoints-dropped', hostId, desktopId, detail: { sequences: dropped } });
  }
  return { dropped, kept: rows.length - dropped.length };
}

/** First phase: everything that nothing needs is condemned, from now on. */
export async function condemn(trx: Trx, accountId: AccountId, graceMs: number): Promise<void> {
  if (await hasUnknownReferences(trx, accountId)) return;
  await sql`
    with live as (${live(accountId)})
    update objects o set condemned_at = clock_timestamp(), condemned_epoch = coalesce(
      (select d.epoch from desktops d where d.account_id = ${accountId} and d.desktop_id = substring(o.object_key from 3 for 32)::uuid), 0)
    where o.account_id = ${accountId} and o.condemned_at is null and o.deleting_at is null
      and not exists (select 1 from live where live.id = o.object_id)
      and (o.committed or (o.stored_at <= ${ago(graceMs)} and exists (${deadEpoch(accountId)})))`.execute(trx);
}

export interface Doomed {
  readonly objectId: number;
  readonly key: string;
  readonly lengthBytes: number;
}

/**
 * Second phase, before the store is touched: at most `most` objects that were condemned for the grace time, looked at again. From
 * here on no commit may name them. What a checkpoint reaches after all is taken back. Objects whose deletion was begun and not
 * finished (a crash), or refused more than `retryMs` ago, come along.
 */
export async function claim(trx: Trx, accountId: AccountId, limits: { graceMs: number; retryMs: number; most: number }): Promise<Doomed[]> {
  await lockForCollection(trx, accountId);
  if (await hasUnknownReferences(trx, accountId)) return [];
  await sql`
    with live as (${live(accountId)})
    update objects o set condemned_at = null, condemned_epoch = null
    where o.account_id = ${accountId} and o.condemned_at is not null and o.deleting_at is null and exists (select 1 from live where live.id = o.object_id)`.execute(trx);
  await sql`
    with live as (${live(accountId)}), due as (
      select o.object_id from objects o
      where o.account_id = ${accountId} and o.condemned_at <= ${ago(limits.graceMs)} and o.deleting_at is null
        and not exists (select 1 from live where live.id = o.object_id)
        and (o.committed or exists (${deadEpoch(accountId)}))
        and o.condemned_epoch <= coalesce((select d.epoch from desktops d where d.account_id = ${accountId} and d.desktop_id = substring(o.object_key from 3 for 32)::uuid), 0)
      order by o.object_id limit ${limits.most}
    )
    update objects set deleting_at = clock_timestamp() from due where objects.object_id = due.object_id`.execute(trx);
  const rows = await trx
    .selectFrom('objects')
    .select(['object_id', 'object_key', 'length_bytes'])
    .where('account_id', '=', accountId)
    .where('deleting_at', 'is not', null)
    .where((where) => where.or([where('refused_at', 'is', null), where('refused_at', '<=', sql<Date>`${ago(limits.retryMs)}`)]))
    .orderBy('object_id')
    .limit(limits.most)
    .execute();
  return rows.map((row) => ({ objectId: row.object_id, key: row.object_key, lengthBytes: row.length_bytes }));
}

/** After the store has deleted them: their rows go. */
export async function finish(trx: Trx, accountId: AccountId, gone: readonly Doomed[]): Promise<void> {
  await sql`with gone as (delete from objects where account_id = ${accountId} and deleting_at is not null and object_id = any(${gone.map(({ objectId }) => objectId)}::bigint[]) returning object_key)
    delete from scrubs using gone where scrubs.account_id = ${accountId} and scrubs.object_key = gone.object_key`.execute(trx);
}

/** The store would not delete it, because of a lock: it is asked again later. */
export async function noteRefusal(trx: Trx, accountId: AccountId, { objectId }: Doomed, refusal: string): Promise<void> {
  await sql`update objects set refused_at = clock_timestamp(), refusal = ${refusal} where account_id = ${accountId} and object_id = ${objectId}`.execute(trx);
}

/** What dropped checkpoints held is forgotten after the grace time; that there was a commit of this id is not. */
export async function emptyDropped(trx: Trx, accountId: AccountId, graceMs: number): Promise<void> {
  await sql`update checkpoints set manifest = '', object_ids = '{}' where account_id = ${accountId} and dropped_at <= ${ago(graceMs)} and length(manifest) > 0`.execute(trx);
}

export interface Waste {
  /** Condemned: goes when the grace time is over. */
  readonly waiting: { readonly objects: number; readonly bytes: number };
  /** The store refuses to delete it yet. */
  readonly locked: { readonly objects: number; readonly bytes: number };
}

export async function readWaste(db: Queries, accountId: AccountId): Promise<Waste> {
  const { rows } = await sql<{ locked: boolean; objects: number; bytes: string }>`
    select refused_at is not null as locked, count(*) as objects, sum(length_bytes) as bytes from objects
    where account_id = ${accountId} and condemned_at is not null group by 1`.execute(db);
  const of = (locked: boolean): { objects: number; bytes: number } => {
    const row = rows.find((candidate) => candidate.locked === locked);
    return { objects: row?.objects ?? 0, bytes: Number(row?.bytes ?? 0) };
  };
  return { waiting: of(false), locked: of(true) };
}

/** A checkpoint whose objects are not on record could need anything: nothing of that account is collected. */
async function hasUnknownReferences(trx: Trx, accountId: AccountId): Promise<boolean> {
  const row = await trx.selectFrom('checkpoints').select('sequence').where('account_id', '=', accountId).where('dropped_at', 'is', null).where('object_ids', 'is', null).limit(1).executeTakeFirst();
  return row !== undefined;
}
