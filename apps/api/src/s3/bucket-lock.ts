import type { Bucket } from './bucket.ts';
import { codeOf } from './bucket-faults.ts';
import type { SigningClient } from './signing-client.ts';

/** Of each new object, unless `mode` is missing: then the bucket locks only what it is told to. */
export interface BucketLock {
  readonly mode?: string;
  readonly validity?: number;
  readonly unit?: string;
}

/** What a store says of a bucket that was made without locks, or when it has none at all. */
const lockless: ReadonlySet<string> = new Set(['ObjectLockConfigurationNotFoundError', 'InvalidRequest', 'MethodNotAllowed', 'NotImplemented']);

export async function readLock(bucket: Pick<Bucket, 'ask'>): Promise<BucketLock | undefined> {
  try {
    const { objectLockEnabled, ...lock } = await bucket.ask('', lockConfigOf);
    return objectLockEnabled === 'Enabled' ? lock : undefined;
  } catch (error) {
    if (lockless.has(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

function lockConfigOf(client: SigningClient, bucket: string): Promise<BucketLock & { readonly objectLockEnabled?: string }> {
  // Its declared type is that of its older form, with a callback.
  const read = client.getObjectLockConfig.bind(client) as (bucket: string) => ReturnType<typeof lockConfigOf>;
  return read(bucket);
}
