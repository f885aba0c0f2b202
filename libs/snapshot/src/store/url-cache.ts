import { Fault, type Clock } from '@godwit/base';
import type { MintedUrl, MintObject } from './signed-url-store.ts';

/** A URL is not used in its last moments: the request has to arrive before it expires. */
const spareMs = 10_000;
/** Objects per call, as the coordinator allows. */
const batchMax = 64;
/** URLs kept; the oldest go first. A desktop's whole life has fewer packs under way at once. */
const keptMax = 4096;

type Wanted = { readonly resolve: (url: MintedUrl) => void; readonly reject: (error: unknown) => void };

/** GET URLs by key, minted when they are wanted; keys wanted in the same turn of the event loop share a call. */
export class UrlCache {
  readonly #mint: (objects: readonly MintObject[]) => Promise<readonly MintedUrl[]>;
  readonly #clock: Clock;
  readonly #urls = new Map<string, MintedUrl>();
  #wanted = new Map<string, Wanted[]>();

  constructor(mint: (objects: readonly MintObject[]) => Promise<readonly MintedUrl[]>, clock: Clock) {
    this.#mint = mint;
    this.#clock = clock;
  }

  async urlOf(key: string): Promise<MintedUrl> {
    const known = this.#urls.get(key);
    if (known !== undefined && known.expiresMs - spareMs > this.#clock.wallMs()) return known;
    return await new Promise<MintedUrl>((resolve, reject) => {
      if (this.#wanted.size === 0) setImmediate(() => void this.#flush());
      this.#wanted.set(key, [...(this.#wanted.get(key) ?? []), { resolve, reject }]);
    });
  }

  forget(key: string): void {
    this.#urls.delete(key);
  }

  async #flush(): Promise<void> {
    const wanted = [...this.#wanted];
    this.#wanted = new Map();
    for (let start = 0; start < wanted.length; start += batchMax) await this.#flushBatch(wanted.slice(start, start + batchMax));
  }

  async #flushBatch(batch: readonly (readonly [string, readonly Wanted[]])[]): Promise<void> {
    try {
      const minted = new Map((await this.#mint(batch.map(([key]) => ({ key })))).map((url) => [url.key, url]));
      // Also those that nobody asked for: whoever mints may know what comes next.
      for (const url of minted.values()) this.#keep(url);
      for (const [key, waiting] of batch) {
        const url = minted.get(key);
        for (const { resolve, reject } of waiting) {
          if (url === undefined) reject(new Fault('STORE_UNAVAILABLE', { subject: key, expected: 'a URL for it', found: 'none' }));
          else resolve(url);
        }
      }
    } catch (error) {
      for (const [, waiting] of batch) for (const { reject } of waiting) reject(error);
    }
  }

  #keep(url: MintedUrl): void {
    this.#urls.delete(url.key);
    this.#urls.set(url.key, url);
    for (const oldest of this.#urls.keys()) {
      if (this.#urls.size <= keptMax) break;
      this.#urls.delete(oldest);
    }
  }
}
