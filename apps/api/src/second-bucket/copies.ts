import { sql } from 'kysely';
import type { AccountId } from '@godwit/base';
import { reached, type Queries } from '../database/database.ts';

/**
 * What is on record of a second bucket; each step is one statement:
 *
 * ```
 *             before it is put      it was read back        no such object in the store       for the grace time         gone there too
 *   (no row) ----------------> announced ----------> copied ----------------------------> gone -----------------> removing ---------> (no row)
 *                                                           <----------------------------
 *                                                             an object of that key is back
 * ```
 * Whatever lies there has a row, so a kill leaves nothing there that nobody knows of. One that is being removed is not copied until it is gone.
 */

export interface CopyKey {
  readonly accountId: AccountId;
  readonly key: string;
}

export interface Uncopied extends CopyKey {
  readonly lengthBytes: number;
  readonly sha256: Buffer;
  /** It was announced before: it may be there. */
  readonly known: boolean;
}

/** Before the first object of all. */
export const firstKey: CopyKey = { accountId: '00000000000000000000000000000000' as AccountId, key: '' };

/** Objects that one statement looks at, however few of them are to be copied: it has to end in time. */
const sliceObjects = 1_024;

/** The number of the bucket at this place, which it has from now on. */
export async function bucketIdOf(db: Queries, place: string): Promise<number> {
  await reached(() => sql`insert into second_buckets (place) values (${place}) on conflict do nothing`.execute(db));
  return (await reached(() => db.selectFrom('second_buckets').select('bucket_id').where('place', '=', place).executeTakeFirstOrThrow())).bucket_id;
}

/**
 * Those of the objects after `after` that some checkpoint needs and that are not there, on record as announced. `next`: after which to go on; undefined: these were
 * the last.
 */
export async function announce(db: Queries, bucketId: number, after: CopyKey): Promise<{ objects: Uncopied[]; next: CopyKey | undefined }> {
  const beyond = sql`(o.account_id, o.object_key) > (${after.accountId}::uuid, ${after.key})`;
  const { rows: [last] } = await reached(() => sql<{ account_id: AccountId; object_key: string }>`
    select account_id, object_key from objects o where ${beyond} order by account_id, object_key offset ${sliceObjects - 1} limit 1`.execute(db));
  const within = last === undefined ? sql`true` : sql`(o.account_id, o.object_key) <= (${last.account_id}::uuid, ${last.object_key})`;
  // The lock: who deletes the object meanwhile sees the row that is made here.
  const { rows } = await reached(() => sql<{ account_id: AccountId; object_key: string; length_bytes: number; sha256: Buffer; known: boolean }>`
    with uncopied as (
      select o.account_id, o.object_key, o.length_bytes, o.sha256 from objects o
      where ${beyond} and ${within} and ${isNeeded} and not exists (${copyOf(bucketId)} and ${isThere})
      for key share of o
    ), announced as (
      insert into second_copies (account_id, object_key, bucket_id, length_bytes) select account_id, object_key, ${bucketId}, length_bytes from uncopied
      on conflict (account_id, object_key, bucket_id) do update set length_bytes = excluded.length_bytes, copied_at = null, gone_at = null where second_copies.removing_at is null
      returning account_id, object_key, second_copies.xmax <> 0 as known
    ) select * from uncopied join announced using (account_id, object_key) order by account_id, object_key`.execute(db));
  const objects = rows.map((row) => ({ accountId: row.account_id, key: row.object_key, lengthBytes: row.length_bytes, sha256: row.sha256, known: row.known }));
  return { objects, next: last === undefined ? undefined : { accountId: last.account_id, key: last.object_key } };
}

/** It was put there and read back. One that is gone since, or being removed, stays so. */
export async function noteCopied(db: Queries, bucketId: number, { accountId, key }: CopyKey): Promise<void> {
  await reached(() => sql`
    update second_copies set copied_at = clock_timestamp() where account_id = ${accountId} and object_key = ${key} and bucket_id = ${bucketId}`.execute(db));
}

/**
 * Before they are removed there: at most `most` of those whose object has been gone from the store for the grace time; each once in a round, which began
 * at `begun` by the database's clock. What an earlier round began to remove comes along.
 */
export async function claimGone(db: Queries, bucketId: number, { graceMs, begun, most }: { graceMs: number; begun: Date; most: number }): Promise<(CopyKey & { readonly lengthBytes: number })[]> {
  const { rows } = await reached(() => sql<{ account_id: AccountId; object_key: string; length_bytes: number }>`
    update second_copies c set removing_at = clock_timestamp() from (
      select c.account_id, c.object_key from second_copies c
      where c.bucket_id = ${bucketId} and c.gone_at <= clock_timestamp() - make_interval(secs => ${graceMs / 1000}) and (c.removing_at < ${begun}
        or (c.removing_at is null and not exists (select from objects o where o.account_id = c.account_id and o.object_key = c.object_key)))
      order by c.gone_at limit ${most} for update of c skip locked
    ) due
    where c.account_id = due.account_id and c.object_key = due.object_key and c.bucket_id = ${bucketId} returning c.account_id, c.object_key, c.length_bytes`.execute(db));
  return rows.map((row) => ({ accountId: row.account_id, key: row.object_key, lengthBytes: row.length_bytes }));
}

/** It is removed there. */
export async function forgetCopy(db: Queries, bucketId: number, { accountId, key }: CopyKey): Promise<void> {
  await reached(() => sql`
    delete from second_copies where account_id = ${accountId} and object_key = ${key} and bucket_id = ${bucketId} and removing_at is not null`.execute(db));
}

export interface Standing {
  readonly copiedObjects: number;
  readonly copiedBytes: number;
  /** Needed by a checkpoint, and not there yet. */
  readonly behindObjects: number;
  readonly behindBytes: number;
  /** When the one of these that waits longest was stored; null: none waits. */
  readonly behindSinceMs: number | null;
  /** Gone from the store, and kept there for the grace time. */
  readonly goneObjects: number;
  readonly goneBytes: number;
}

/** How the bucket at `place` stands to the store, now. */
export async function readStanding(db: Queries, place: string): Promise<Standing> {
  const bucketId = sql`(select bucket_id from second_buckets where place = ${place})`;
  const [behind, there] = await Promise.all([
    reached(() => sql<{ objects: number; bytes: number; since: Date | null }>`
      select count(*) as objects, coalesce(sum(o.length_bytes), 0)::bigint as bytes, min(o.stored_at) as since from objects o
      where ${isNeeded} and not exists (${copyOf(bucketId)} and ${isThere})`.execute(db)),
    reached(() => sql<{ objects: number; bytes: number; gone: number; gone_bytes: number }>`
      select count(*) filter (where ${isThere}) as objects, coalesce(sum(length_bytes) filter (where ${isThere}), 0)::bigint as bytes,
        count(*) filter (where gone_at is not null) as gone, coalesce(sum(length_bytes) filter (where gone_at is not null), 0)::bigint as gone_bytes
      from second_copies c where bucket_id = ${bucketId}`.execute(db)),
  ]);
  const [waiting, lying] = [behind.rows[0], there.rows[0]];
  return {
    copiedObjects: lying?.objects ?? 0,
    copiedBytes: lying?.bytes ?? 0,
    behindObjects: waiting?.objects ?? 0,
    behindBytes: waiting?.bytes ?? 0,
    behindSinceMs: waiting?.since?.getTime() ?? null,
    goneObjects: lying?.gone ?? 0,
    goneBytes: lying?.gone_bytes ?? 0,
  };
}

/** Of object `o`: some checkpoint was committed with it, and none of the steps of collection has met it. */
const isNeeded = sql`o.committed and o.condemned_at is null and o.deleting_at is null`;
/** Of copy `c`. */
const isThere = sql`c.copied_at is not null and c.gone_at is null`;

function copyOf(bucketId: unknown) {
  return sql`select from second_copies c where c.account_id = o.account_id and c.object_key = o.object_key and c.bucket_id = ${bucketId}`;
}
