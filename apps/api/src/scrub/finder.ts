import { sql } from 'kysely';
import type { AccountId } from '@godwit/base';
import { inTransaction, reached, type Database, type Trx } from '../database/database.ts';
import { sideBySide } from '../jobs/side-by-side.ts';
import type { CoordinatorStore } from '../objects/coordinator-store.ts';

interface Sought {
  readonly objectId: number;
  readonly accountId: AccountId;
  readonly key: string;
  readonly lengthBytes: number;
}

type Found = Sought & { readonly finding: 'missing' | 'length' | null };

const batchObjects = 512;
/** Questions to the store under way at once. */
const atOnce = 16;

/**
 * After the objects are sought in another place than before, as in a second bucket when the first is gone: asks it for each that some checkpoint was committed
 * with, and notes what is missing as scrub would, so that whoever looks after the coordinator hears of it, and not a person whose desktop does not come.
 */
export class Finder {
  readonly #db: Database;
  readonly #store: Pick<CoordinatorStore, 'place' | 'lengthOf'>;

  constructor(db: Database, store: Pick<CoordinatorStore, 'place' | 'lengthOf'>) {
    [this.#db, this.#store] = [db, store];
  }

  /** Nothing, when all were sought there already. Goes on where an earlier round was ended. */
  async round(signal: AbortSignal): Promise<{ objects: number; missing: number }> {
    const done = { objects: 0, missing: 0 };
    for (let after = await this.#begin(); after !== null && !signal.aborted; ) {
      const batch = await this.#next(after);
      const found = await this.#seek(batch, signal);
      if (found.length < batch.length) break;
      after = batch.length < batchObjects ? null : (batch.at(-1)?.objectId ?? null);
      await inTransaction(this.#db, (trx) => this.#note(trx, found, after));
      done.objects += found.length;
      done.missing += found.filter(({ finding }) => finding !== null).length;
    }
    return done;
  }

  /** After which object to go on; null: there is nothing to do. */
  async #begin(): Promise<number | null> {
    const { place } = this.#store;
    await reached(() => sql`update coordinator set store_place = ${place}, store_looked_to = -1 where store_place is distinct from ${place}`.execute(this.#db));
    return (await reached(() => this.#db.selectFrom('coordinator').select('store_looked_to').executeTakeFirstOrThrow())).store_looked_to;
  }

  async #next(after: number): Promise<Sought[]> {
    const rows = await reached(() =>
      this.#db.selectFrom('objects').select(['object_id', 'account_id', 'object_key', 'length_bytes']).where('committed', '=', true).where('deleting_at', 'is', null).where('object_id', '>', after).orderBy('object_id').limit(batchObjects).execute(),
    );
    return rows.map((row) => ({ objectId: row.object_id, accountId: row.account_id, key: row.object_key, lengthBytes: row.length_bytes }));
  }

  async #seek(batch: readonly Sought[], signal: AbortSignal): Promise<Found[]> {
    const found: Found[] = [];
    await sideBySide(batch, { atOnce, signal }, async (sought) => {
      const lengthBytes = await this.#store.lengthOf(sought.accountId, sought.key);
      found.push({ ...sought, finding: lengthBytes === undefined ? 'missing' : lengthBytes === sought.lengthBytes ? null : 'length' });
    });
    return found;
  }

  /** What scrub found in the place before says nothing of this one: it is to look again. Nothing, where a coordinator with another place has begun meanwhile. */
  async #note(trx: Trx, found: readonly Found[], after: number | null): Promise<void> {
    const { numUpdatedRows } = await trx.updateTable('coordinator').set({ store_looked_to: after }).where('store_place', '=', this.#store.place).executeTakeFirstOrThrow();
    if (numUpdatedRows === 0n) return;
    for (const finding of ['missing', 'length'] as const) {
      const ids = idsOf(found, finding);
      await sql`
        insert into scrubs (account_id, object_key, looked_at, finding) select account_id, object_key, clock_timestamp(), ${finding} from objects
        where object_id = any(${ids}::bigint[]) and deleting_at is null
        on conflict (account_id, object_key) do update set looked_at = excluded.looked_at, finding = excluded.finding`.execute(trx);
    }
    await sql`
      delete from scrubs s using objects o where o.object_id = any(${idsOf(found, null)}::bigint[]) and s.account_id = o.account_id and s.object_key = o.object_key and s.finding is not null`.execute(trx);
  }
}

function idsOf(found: readonly Found[], finding: Found['finding']): number[] {
  return found.filter((each) => each.finding === finding).map(({ objectId }) => objectId);
}
