import { Fault, type AccountId, type Log } from '@godwit/base';
import { inTransaction, type Database } from '../database/database.ts';
import { record } from '../audit/record.ts';
import { lockForCollection } from './collection-lock.ts';
import { claim, condemn, emptyDropped, finish, noteRefusal, type Doomed } from './collection.transitions.ts';

/** What deletes objects for good. Fine when there is none; OBJECT_LOCKED when the store keeps it against deletion. */
export interface Eraser {
  remove(accountId: AccountId, key: string): Promise<void>;
}

export interface CollectorOptions {
  readonly db: Database;
  readonly eraser: Eraser;
  /** From condemned to deleted: longer than any commit of a writer that is awake may take. */
  readonly graceMs: number;
  /** After a refusal of the store, before it is asked again. */
  readonly retryMs: number;
  readonly log: Log;
  /** Objects of one batch. A batch that was begun and not finished, by a crash, is taken up by the next. */
  readonly batchObjects?: number;
}

export interface Freed {
  readonly objects: number;
  readonly bytes: number;
}

const batchObjectsDefault = 256;
/** Deletions under way at once. */
const atOnce = 8;

/** Deletes what no checkpoint needs; collection.transitions.ts says how. May run at several replicas at once. */
export class Collector {
  readonly #options: CollectorOptions;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Everything of one account that is due, in bounded batches, until `signal` ends it. Can be stopped anywhere, also by a kill. */
  async collect(accountId: AccountId, signal?: AbortSignal): Promise<Freed> {
    const { db, graceMs, retryMs, batchObjects: most = batchObjectsDefault } = this.#options;
    await inTransaction(db, async (trx) => {
      await lockForCollection(trx, accountId);
      await condemn(trx, accountId, graceMs);
      await emptyDropped(trx, accountId, graceMs);
    });
    const freed = { objects: 0, bytes: 0 };
    const tried = new Set<number>();
    while (signal?.aborted !== true) {
      const batch = (await inTransaction(db, (trx) => claim(trx, accountId, { graceMs, retryMs, most }))).filter(({ objectId }) => !tried.has(objectId));
      if (batch.length === 0) break;
      for (const { objectId } of batch) tried.add(objectId);
      const gone = await this.#erase(accountId, batch);
      freed.objects += gone.length;
      freed.bytes += gone.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    }
    return freed;
  }

  async #erase(accountId: AccountId, batch: readonly Doomed[]): Promise<Doomed[]> {
    const gone: Doomed[] = [];
    const left = [...batch];
    const work = async (): Promise<void> => {
      for (let doomed = left.shift(); doomed !== undefined; doomed = left.shift()) {
        if (await this.#remove(accountId, doomed)) gone.push(doomed);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    await inTransaction(this.#options.db, async (trx) => {
      await finish(trx, accountId, gone);
      if (gone.length > 0) await record(trx, { accountId, kind: 'objects-deleted', detail: { objects: gone.length, bytes: gone.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0) } });
    });
    return gone;
  }

  /** False: it is still there, and its row says why. */
  async #remove(accountId: AccountId, doomed: Doomed): Promise<boolean> {
    try {
      await this.#options.eraser.remove(accountId, doomed.key);
      return true;
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.code !== 'OBJECT_LOCKED') this.#options.log.warn('object.not-deleted', { key: doomed.key, error: fault });
      await inTransaction(this.#options.db, (trx) => noteRefusal(trx, accountId, doomed, fault.code));
      return false;
    }
  }
}
