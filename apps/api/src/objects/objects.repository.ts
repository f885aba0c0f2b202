import { Inject, Injectable } from '@nestjs/common';
import type { AccountId } from '@godwit/base';
import { reached, type Database, type Queries } from '../database/database.ts';
import { databaseToken } from '../tokens.ts';
import type { StoredFile } from './object-directory.ts';

/** What is known of the objects in the store: complete ones only, with their length and digest. */
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

  async recordObject(accountId: AccountId, key: string, file: StoredFile): Promise<void> {
    await reached(() => recordObject(this.#db, accountId, key, file));
  }
}

/** Called when the object is durable; before that no commit can name it. */
export async function recordObject(db: Queries, accountId: AccountId, key: string, file: StoredFile): Promise<void> {
  await db
    .insertInto('objects')
    .values({ account_id: accountId, object_key: key, length_bytes: file.lengthBytes, sha256: file.sha256 })
    .onConflict((on) => on.doNothing())
    .execute();
}
