import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock, systemRandom, type AccountId } from '@godwit/base';
import type { CoordinatorStore } from '../objects/coordinator-store.ts';
import { DirectoryStore } from '../objects/directory-store.ts';
import { ObjectDirectory } from '../objects/object-directory.ts';
import { Bucket } from '../s3/bucket.ts';
import { BucketStore } from '../s3/bucket-store.ts';
import { s3SettingsOf, type S3Settings } from '../s3/s3-settings.ts';

/** What lies in the store of a stage, behind its coordinator's back. */
export interface StageObjects {
  readonly store: CoordinatorStore;
  /** Ascending. */
  keys(accountId: AccountId): Promise<string[]>;
  read(accountId: AccountId, key: string): Promise<Buffer>;
  /** Other bytes in the place of an object, or where none is. */
  replace(accountId: AccountId, key: string, bytes: Buffer): Promise<void>;
}

/**
 * Where these tests keep objects: a directory, or with S3_BUCKET in the environment a bucket, each stage below a prefix of its own. So
 * test/src/services runs all of them once more on a real S3.
 */
export function newStageBucket(): S3Settings | undefined {
  const settings = s3SettingsOf(process.env);
  return settings === undefined ? undefined : { ...settings, prefix: `stage-${systemRandom(8).toString('hex')}/` };
}

export function stageObjects(dataDirectory: string, s3: S3Settings | undefined): StageObjects {
  return s3 === undefined ? inDirectory(join(dataDirectory, 'objects')) : inBucket(s3);
}

function inDirectory(root: string): StageObjects {
  return {
    store: new DirectoryStore(new ObjectDirectory(root, systemRandom), Buffer.alloc(32)),
    async keys(accountId) {
      const own = join(root, accountId);
      const entries = await readdir(own, { recursive: true, withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath}/${entry.name}`.slice(own.length + 1)).sort();
    },
    read: (accountId, key) => readFile(join(root, accountId, key)),
    async replace(accountId, key, bytes) {
      const path = join(root, accountId, key);
      await mkdir(dirname(path), { recursive: true });
      await rm(path, { force: true });
      await writeFile(path, bytes);
    },
  };
}

function inBucket(s3: S3Settings): StageObjects {
  const bucket = new Bucket(s3, systemClock);
  return {
    store: new BucketStore(bucket),
    async keys(accountId) {
      const prefix = `a-${accountId}/`;
      const keys: string[] = [];
      for await (const { key } of bucket.objects.list(prefix)) keys.push(key.slice(prefix.length));
      return keys;
    },
    read: (accountId, key) => bucket.objects.get(`a-${accountId}/${key}`),
    async replace(accountId, key, bytes) {
      await bucket.objects.delete(`a-${accountId}/${key}`);
      await bucket.objects.put(`a-${accountId}/${key}`, bytes);
    },
  };
}
