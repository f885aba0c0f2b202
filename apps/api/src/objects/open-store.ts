import type { Clock, Log, Random } from '@godwit/base';
import type { DataDirectory } from '../data-directory.ts';
import { Bucket } from '../s3/bucket.ts';
import { BucketStore } from '../s3/bucket-store.ts';
import type { S3Settings } from '../s3/s3-settings.ts';
import { HourlyCheck } from '../s3/store-check.ts';
import type { CoordinatorStore } from './coordinator-store.ts';
import { DirectoryStore } from './directory-store.ts';
import { ObjectDirectory } from './object-directory.ts';
import type { ObjectsRepository } from './objects.repository.ts';
import { ServedObjects } from './served-objects.ts';

export interface OpenStore {
  readonly store: CoordinatorStore;
  /** Whether it still does what is needed of it; undefined for a directory, which nobody else changes. */
  readonly check: HourlyCheck | undefined;
  /** What answers requests for objects here; undefined where the store has a door of its own. */
  readonly serve: (objects: ObjectsRepository) => ServedObjects | undefined;
  readonly close: () => void;
}

/** The store that the coordinator was told to use: the bucket, or a directory below its own. STORE_UNFIT, STORE_DENIED for a bucket that won't do. */
export async function openStore(data: Pick<DataDirectory, 'objectsPath' | 'urlKey'>, s3: S3Settings | undefined, { clock, random, log }: { readonly clock: Clock; readonly random: Random; readonly log: Log }): Promise<OpenStore> {
  if (s3 !== undefined) {
    const bucket = new Bucket(s3, clock);
    const check = new HourlyCheck(bucket, clock, random);
    await check.begin(log);
    return { store: new BucketStore(bucket), check, serve: () => undefined, close: () => undefined };
  }
  const directory = new ObjectDirectory(data.objectsPath, random);
  await directory.prepare();
  return { store: new DirectoryStore(directory, data.urlKey), check: undefined, serve: (objects) => new ServedObjects(objects, directory, data.urlKey, clock), close: () => directory.close() };
}
