import type { Clock, Random } from '@godwit/base';
import type { StoreView } from '@godwit/wire';
import type { Database } from '../database/database.ts';
import type { CoordinatorStore } from '../objects/coordinator-store.ts';
import { Bucket } from '../s3/bucket.ts';
import { BucketStore } from '../s3/bucket-store.ts';
import type { S3Settings } from '../s3/s3-settings.ts';
import { HourlyCheck } from '../s3/store-check.ts';
import { readStanding } from './copies.ts';

/** A second bucket, as it is copied to. */
export interface SecondStore extends Pick<CoordinatorStore, 'place' | 'put' | 'inspect' | 'remove'> {
  /** Whether it does what is needed of it. Throws STORE_UNFIT, STORE_UNAVAILABLE. */
  readonly check: () => Promise<unknown>;
}

/** Asks nothing of it yet: without its second bucket a coordinator starts as ever, and its job tells what is wrong. */
export function openSecond(settings: S3Settings, clock: Clock, random: Random): SecondStore {
  const bucket = new Bucket(settings, clock);
  const [store, check] = [new BucketStore(bucket), new HourlyCheck(bucket, clock, random)];
  return {
    place: store.place,
    put: (accountId, key, bytes, sha256) => store.put(accountId, key, bytes, sha256),
    inspect: (accountId, key) => store.inspect(accountId, key),
    remove: (accountId, key) => store.remove(accountId, key),
    check: () => check.round(),
  };
}

/** The second bucket as it is looked at. A class, so that it can be asked for by name. */
export class SecondBucket {
  readonly #place: string | undefined;

  /** Undefined: there is none. */
  constructor(second: Pick<SecondStore, 'place'> | undefined) {
    this.#place = second?.place;
  }

  /** Null: there is none. */
  async standing(db: Database): Promise<StoreView['secondBucket']> {
    return this.#place === undefined ? null : { place: this.#place, ...(await readStanding(db, this.#place)) };
  }
}
