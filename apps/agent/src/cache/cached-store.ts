import { checkRange, type ByteRange, type ObjectStore } from '@godwit/snapshot';
import type { WarmCache } from './warm-cache.ts';

/** What came from where, in bytes of ciphertext, since the store was opened. */
export interface ReadFrom {
  cacheBytes: number;
  storeBytes: number;
}

/**
 * A store with the warm cache before it: ranges that were read or put here before come from this machine's disk, without a request.
 * Everything else goes to the store, and what comes from it or was put into it is kept. Objects that are read whole are not.
 */
export class CachedStore implements ObjectStore {
  readonly readFrom: ReadFrom = { cacheBytes: 0, storeBytes: 0 };
  readonly #store: ObjectStore;
  readonly #cache: WarmCache;

  constructor(store: ObjectStore, cache: WarmCache) {
    this.#store = store;
    this.#cache = cache;
  }

  async put(key: string, body: Uint8Array, sha256?: Buffer): Promise<void> {
    await this.#store.put(key, body, sha256);
    // A pack that was left out here is fetched again when the desktop comes back: better to wait for this disk a moment.
    await this.#cache.keepAll(key, 0, body);
  }

  async get(key: string, range?: ByteRange): Promise<Buffer> {
    if (range === undefined) return await this.#fetch(key, undefined);
    checkRange(range);
    const { bytes, missing } = await this.#cache.read(key, range);
    this.readFrom.cacheBytes += range.lengthBytes - (missing?.lengthBytes ?? 0);
    if (missing === undefined) return bytes;
    const fetched = await this.#fetch(key, missing);
    this.#cache.keep(key, missing.offsetBytes, fetched);
    if (bytes === undefined || fetched.length === range.lengthBytes) return fetched;
    fetched.copy(bytes, missing.offsetBytes - range.offsetBytes);
    return bytes;
  }

  /** What was kept of it did not open: it is forgotten, and the store asked. */
  async getAfresh(key: string, range: ByteRange): Promise<Buffer> {
    await this.#cache.forget(key, range);
    return await this.get(key, range);
  }

  size(key: string): Promise<number | undefined> {
    return this.#store.size(key);
  }

  list(prefix: string): ReturnType<ObjectStore['list']> {
    return this.#store.list(prefix);
  }

  async delete(key: string): Promise<void> {
    await this.#store.delete(key);
    await this.#cache.forget(key);
  }

  async #fetch(key: string, range: ByteRange | undefined): Promise<Buffer> {
    const bytes = await this.#store.get(key, range);
    this.readFrom.storeBytes += bytes.length;
    return bytes;
  }
}
