import { Fault, type Log } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { databaseNowMs } from '../database/database-clock.ts';
import type { Database } from '../database/database.ts';
import { sideBySide } from '../jobs/side-by-side.ts';
import type { CoordinatorStore } from '../objects/coordinator-store.ts';
import { announce, bucketIdOf, claimGone, firstKey, forgetCopy, noteCopied, type CopyKey, type Uncopied } from './copies.ts';
import type { SecondStore } from './second-bucket.ts';

export interface ReplicatorParts {
  readonly db: Database;
  /** Only ever read. */
  readonly first: Pick<CoordinatorStore, 'read'>;
  readonly second: SecondStore;
  /** From the deletion of an object in the store to that in the second bucket. */
  readonly graceMs: number;
  readonly log: Log;
}

/** Of one round. */
export interface Replicated extends Record<string, number> {
  objects: number;
  bytes: number;
  /** Not copied: not as they were committed in the store, or there with other bytes. */
  refused: number;
  removed: number;
  /** A lock of the second bucket still keeps them. */
  locked: number;
}

/** Objects under way at once: each is in memory twice, with at most 8 MiB. */
const atOnce = 4;
const removalsPerBatch = 256;

/** Copies what checkpoints need to a second bucket, and follows deletions late. copies.ts says how it is kept on record. May run at several replicas at once. */
export class Replicator {
  readonly #parts: ReplicatorParts;

  constructor(parts: ReplicatorParts) {
    this.#parts = parts;
  }

  /** Everything that is due, until `signal` ends it. Can be stopped anywhere, also by a kill. Throws faults of either store, and those of the check. */
  async round(signal: AbortSignal): Promise<Replicated> {
    const { db, second } = this.#parts;
    await second.check();
    const bucketId = await bucketIdOf(db, second.place);
    const done: Replicated = { objects: 0, bytes: 0, refused: 0, removed: 0, locked: 0 };
    for (let after: CopyKey | undefined = firstKey; after !== undefined && !signal.aborted; ) {
      const { objects, next }: { objects: Uncopied[]; next: CopyKey | undefined } = await announce(db, bucketId, after);
      await sideBySide(objects, { atOnce, signal }, (object) => this.#copy(bucketId, object, done));
      after = next;
    }
    const begun = new Date(await databaseNowMs(db));
    while (!signal.aborted) {
      const gone = await claimGone(db, bucketId, { graceMs: this.#parts.graceMs, begun, most: removalsPerBatch });
      if (gone.length === 0) break;
      await sideBySide(gone, { atOnce, signal }, (copy) => this.#remove(bucketId, copy, done));
    }
    return done;
  }

  /** What is wrong with one object is not the others' concern: it stays behind, and is told by its age. */
  async #copy(bucketId: number, object: Uncopied, done: Replicated): Promise<void> {
    const { db, log } = this.#parts;
    try {
      await this.#put(object);
    } catch (error) {
      if (!(error instanceof Fault) || !ofOneObject.has(error.code)) throw error;
      log.warn('object.not-copied', { key: object.key, error });
      done.refused += 1;
      return;
    }
    await noteCopied(db, bucketId, object);
    done.objects += 1;
    done.bytes += object.lengthBytes;
  }

  /** What was put is read back: what counts is what the second bucket will give. */
  async #put(object: Uncopied): Promise<void> {
    const { accountId, key, lengthBytes, sha256: digest, known } = object;
    const { first, second } = this.#parts;
    if (known && (await this.#isThere(object))) return;
    const bytes = await first.read(accountId, key);
    if (bytes.length !== lengthBytes || !sha256(bytes).equals(digest)) throw new Fault('OBJECT_DIGEST_REFUSED', { subject: key, expected: 'the bytes that were committed', found: 'others in the store' });
    await second.put(accountId, key, bytes, digest);
    if (!(await this.#isThere(object))) throw new Fault('OBJECT_DIGEST_REFUSED', { subject: key, expected: 'the bytes that were put', found: 'others in the second bucket, or none' });
  }

  async #isThere({ accountId, key, lengthBytes, sha256: digest }: Uncopied): Promise<boolean> {
    try {
      const found = await this.#parts.second.inspect(accountId, key);
      return found.lengthBytes === lengthBytes && found.sha256.equals(digest);
    } catch (error) {
      if (error instanceof Fault && error.code === 'OBJECT_NOT_FOUND') return false;
      throw error;
    }
  }

  async #remove(bucketId: number, copy: CopyKey, done: Replicated): Promise<void> {
    const { db, second } = this.#parts;
    try {
      await second.remove(copy.accountId, copy.key);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'OBJECT_LOCKED') throw error;
      done.locked += 1;
      return;
    }
    await forgetCopy(db, bucketId, copy);
    done.removed += 1;
  }
}

const ofOneObject: ReadonlySet<string> = new Set(['OBJECT_NOT_FOUND', 'OBJECT_DIGEST_REFUSED', 'OBJECT_EXISTS']);
