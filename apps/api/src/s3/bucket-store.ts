import { Fault, type AccountId } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { bytesOf, type SignedUrl } from '@godwit/wire';
import { CoordinatorStore } from '../objects/coordinator-store.ts';
import type { StoredFile } from '../objects/object-directory.ts';
import type { Permission } from '../objects/signed-url.ts';
import type { Bucket } from './bucket.ts';

/** Objects in a bucket, below `a-<account>/`. Hosts reach it by themselves. */
export class BucketStore extends CoordinatorStore {
  readonly unseen = true;
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    super();
    this.#bucket = bucket;
  }

  get place(): string {
    return this.#bucket.place;
  }

  sign({ operation, accountId, key, expiresMs, sha256: digest }: Permission): SignedUrl {
    const place = placeOf(accountId, key);
    if (operation === 'get') return answer(key, 'GET', this.#bucket.signGet(place, expiresMs));
    // Nobody sees these bytes before somebody needs them: the store has to hold the upload to its digest.
    if (digest === undefined) throw new Fault('OBJECT_DIGEST_REFUSED', { subject: key, expected: 'the SHA-256 of the object', found: 'none' });
    return answer(key, 'PUT', this.#bucket.signPut(place, bytesOf(digest), expiresMs));
  }

  put(accountId: AccountId, key: string, bytes: Buffer, digest: Buffer): Promise<void> {
    return this.#bucket.objects.put(placeOf(accountId, key), bytes, digest);
  }

  lengthOf(accountId: AccountId, key: string): Promise<number | undefined> {
    return this.#bucket.objects.size(placeOf(accountId, key));
  }

  async inspect(accountId: AccountId, key: string): Promise<StoredFile> {
    const bytes = await this.read(accountId, key);
    return { lengthBytes: bytes.length, sha256: sha256(bytes) };
  }

  async read(accountId: AccountId, key: string): Promise<Buffer> {
    try {
      return await this.#bucket.objects.get(placeOf(accountId, key));
    } catch (error) {
      if (error instanceof Fault && error.code === 'OBJECT_MISSING') throw new Fault('OBJECT_NOT_FOUND', { subject: key, cause: error });
      throw error;
    }
  }

  remove(accountId: AccountId, key: string): Promise<void> {
    return this.#bucket.objects.delete(placeOf(accountId, key));
  }

  freeBytes(): Promise<null> {
    return Promise.resolve(null);
  }
}

/** With a letter before the account: a name of digits alone comes out of some listings as a number. */
function placeOf(accountId: AccountId, key: string): string {
  return `a-${accountId}/${key}`;
}

function answer(key: string, method: SignedUrl['method'], { url, headers = {} }: ReturnType<Bucket['signGet']>): SignedUrl {
  return { key, method, url, headers: { ...headers } };
}
