import { Inject, Injectable } from '@nestjs/common';
import type { AccountId } from '@godwit/base';
import { chainPageLimit, grantsLimit, textOf, type Grant } from '@godwit/wire';
import { reached, type Database } from '../database/database.ts';
import { databaseToken } from '../tokens.ts';

@Injectable()
export class AccountsRepository {
  readonly #db: Database;

  constructor(@Inject(databaseToken) db: Database) {
    this.#db = db;
  }

  /** At most {@link chainPageLimit} entries from position `from`, and the whole chain's length, as of one moment. */
  async readChain(accountId: AccountId, from: number): Promise<{ from: number; length: number; entries: string[] }> {
    return reached(async () => {
      // Entries are never removed, so those below the length that is read first are all there.
      const { chain_length: length } = await this.#db.selectFrom('accounts').select('chain_length').where('account_id', '=', accountId).executeTakeFirstOrThrow();
      const rows = await this.#db
        .selectFrom('chain_entries')
        .select('entry')
        .where('account_id', '=', accountId)
        .where('position', '>=', from)
        .where('position', '<', length)
        .orderBy('position')
        .limit(chainPageLimit)
        .execute();
      return { from, length, entries: rows.map((row) => textOf(row.entry)) };
    });
  }

  /** The newest {@link grantsLimit} generations for one recipient. */
  async listGrants(accountId: AccountId, recipient: string): Promise<Grant[]> {
    const rows = await reached(() =>
      this.#db
        .selectFrom('grants')
        .select(['recipient', 'generation', 'bytes'])
        .where('account_id', '=', accountId)
        .where('recipient', '=', recipient)
        .orderBy('generation', 'desc')
        .limit(grantsLimit)
        .execute(),
    );
    return rows.map((row) => ({ recipient: row.recipient, generation: row.generation, bytes: textOf(row.bytes) }));
  }
}
