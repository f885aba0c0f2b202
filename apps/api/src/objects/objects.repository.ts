import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { Fault, type AccountId } from '@godwit/base';
import { inTransaction, reached, type Database, type Trx } from '../database/database.ts';
import { requireRoomForBytes } from '../quotas/quotas.ts';
import { databaseToken } from '../tokens.ts';
import type { StoredFile } from './object-directory.ts';

export interface KnownObject extends StoredFile {
  readonly key: string;
}

/** What is known of the objects in the store, with their length and digest: complete ones, and those that a host was allowed to put and nobody has seen yet. */
@Injectable()
export class ObjectsRepository {
  readonly #db: Database;

  constructor(@Inject(databaseToken) db: Database) {
    this.#db = db;
  }

  async find(accountId: AccountId, key: string): Promise<StoredFile | undefined> {
    const row = await reached(() =>
      this.#db.selectFrom('objects').select(['length_bytes', 'sha256']).where('account_id', '=', accountId).where('object_key', '=', key).executeTakeFirst(),
    );
    return row === undefined ? undefined : { lengthBytes: row.length_bytes, sha256: row.sha256 };
  }

  /**
   * A host may put these from now on. What never comes is collected with the rest of its epoch. OBJECT_EXISTS for a key that is known
   * with other bytes; QUOTA_BYTES where they are more than the account may have, and then none may be put.
   */
  async announce(accountId: AccountId, objects: readonly KnownObject[]): Promise<void> {
    const rows = await inTransaction(this.#db, async (trx) => {
      const announced = await trx
        .insertInto('objects')
        .values(objects.map(({ key, lengthBytes, sha256 }) => ({ account_id: accountId, object_key: key, length_bytes: lengthBytes, sha256, stored: false })))
        // An update that changes nothing, because only those come back.
        .onConflict((on) => on.columns(['account_id', 'object_key']).doUpdateSet((to) => ({ stored: to.ref('objects.stored') })))
        // Of a row that was inserted: nobody has updated or locked it.
        .returning(['object_key', 'length_bytes', 'sha256', sql<boolean>`objects.xmax = 0`.as('added')])
        .execute();
      if (announced.some(({ added }) => added)) await requireRoomForBytes(trx, accountId, 0);
      return announced;
    });
    const known = new Map(rows.map((row) => [row.object_key, row]));
    for (const { key, lengthBytes, sha256 } of objects) {
      const row = known.get(key);
      if (row?.length_bytes !== lengthBytes || !row.sha256.equals(sha256)) throw new Fault('OBJECT_EXISTS', { subject: key });
    }
  }

  /** Before anything is put: QUOTA_BYTES where those of the objects that nobody knows yet are more than there is room for. Holds nothing back: see `recordObject`. */
  async requireRoom(accountId: AccountId, objects: readonly Pick<KnownObject, 'key' | 'lengthBytes'>[]): Promise<void> {
    const { rows: [unknown] } = await reached(() => sql<{ bytes: number }>`
      select coalesce(sum(asked.length_bytes), 0)::bigint as bytes from unnest(${objects.map(({ key }) => key)}::text[], ${objects.map(({ lengthBytes }) => lengthBytes)}::bigint[]) as asked (object_key, length_bytes)
      where not exists (select from objects o where o.account_id = ${accountId} and o.object_key = asked.object_key)`.execute(this.#db));
    const moreBytes = unknown?.bytes ?? 0;
    if (moreBytes > 0) await reached(() => requireRoomForBytes(this.#db, accountId, moreBytes));
  }

  /** Those of the keys that were announced and not seen since. */
  async findUnseen(accountId: AccountId, keys: readonly string[]): Promise<KnownObject[]> {
    const { rows } = await reached(() => sql<{ object_key: string; length_bytes: number; sha256: Buffer }>`
      select object_key, length_bytes, sha256 from objects where account_id = ${accountId} and object_key = any(${keys}::text[]) and not stored`.execute(this.#db));
    return rows.map((row) => ({ key: row.object_key, lengthBytes: row.length_bytes, sha256: row.sha256 }));
  }

  async noteSeen(accountId: AccountId, keys: readonly string[]): Promise<void> {
    await reached(() => sql`update objects set stored = true where account_id = ${accountId} and object_key = any(${keys}::text[])`.execute(this.#db));
  }

  async recordObject(accountId: AccountId, key: string, file: StoredFile): Promise<void> {
    await inTransaction(this.#db, (trx) => recordObject(trx, accountId, key, file));
  }
}

/** Called when the object is durable; before that no commit can name it. QUOTA_BYTES where it is one too many. */
export async function recordObject(trx: Trx, accountId: AccountId, key: string, file: StoredFile): Promise<void> {
  const added = await trx
    .insertInto('objects')
    .values({ account_id: accountId, object_key: key, length_bytes: file.lengthBytes, sha256: file.sha256 })
    .onConflict((on) => on.doNothing())
    .returning('object_id')
    .executeTakeFirst();
  if (added !== undefined) await requireRoomForBytes(trx, accountId, 0);
}
