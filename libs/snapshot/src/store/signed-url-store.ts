import { Fault, systemRandom, type Clock, type Random } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { checkKey } from '../layout.ts';
import { objectBytesMax } from '../limits.ts';
import { request, type Answer, type BodyFlow } from './http-request.ts';
import { checkBody, checkRange, shortObject, type ObjectStore } from './object-store.ts';
import type { UploadLimit } from './upload-limit.ts';
import { UrlCache } from './url-cache.ts';

export interface MintObject {
  readonly key: string;
  /** Of a put. */
  readonly lengthBytes?: number;
  /** Of a put: SHA-256 of the body, 32 bytes. */
  readonly sha256?: Buffer;
}

export interface MintedUrl {
  readonly key: string;
  readonly url: string;
  /** On the clock of whoever minted it. */
  readonly expiresMs: number;
  /** Sent exactly as given: the signature covers them. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks the coordinator for signed URLs, at most 64 objects a call; faults of the coordinator pass through. */
export type MintUrls = (operation: 'put' | 'get', objects: readonly MintObject[]) => Promise<readonly MintedUrl[]>;

export interface SignedUrlStoreOptions {
  readonly mint: MintUrls;
  readonly clock: Clock;
  readonly random?: Random;
  /** Ends every request under way with CANCELLED. */
  readonly signal?: AbortSignal;
  /** Attempts in all for what may be tried again; 5 unless told. */
  readonly attempts?: number;
  /** The first wait before another attempt, 100 ms unless told; it doubles up to 5 s, with as much again at random. */
  readonly backOffMs?: number;
  /** The least time that one request gets; 20 s unless told. Bodies add to it. */
  readonly deadlineMs?: number;
  /** What uploads may take of the line; all of it unless told. */
  readonly limit?: UploadLimit;
  /** So many bytes of bodies have gone out; less than none: that many went in vain, and go again. */
  readonly onSent?: (lengthBytes: number) => void;
}

/** A line slower than this is down: the deadline grows with the body by this rate. */
const slowestBytesPerMs = 32;
const backOffMsMax = 5_000;
/** Of a body without a limit: how often it is told how much has gone out. */
const pieceBytes = 256 * 1024;

/** What came of one attempt: an answer, or a fault that another attempt may cure. */
type Attempt = { readonly answer: Answer } | { readonly again: Fault; readonly afterMs?: number };

/**
 * Objects through URLs that the coordinator signs. It can put and get: listing and deleting are the coordinator's own and
 * answer STORE_DENIED. Requests that fail half-way are tried again, which is safe: objects are never rewritten.
 */
export function signedUrlStore(options: SignedUrlStoreOptions): ObjectStore {
  const store = new SignedUrls(options);
  const refuse = (what: string): Fault => new Fault('STORE_DENIED', { expected: 'put or get', found: what, hint: 'only the coordinator can do this' });
  return {
    put: async (key, body, digest) => await store.put(key, body, digest),
    get: async (key, range) => await store.get(key, range),
    size: async (key) => await store.size(key),
    async *list() {
      throw refuse('list');
    },
    async delete() {
      throw refuse('delete');
    },
  };
}

class SignedUrls {
  readonly #options: SignedUrlStoreOptions;
  readonly #random: Random;
  readonly #gets: UrlCache;

  constructor(options: SignedUrlStoreOptions) {
    this.#options = options;
    this.#random = options.random ?? systemRandom;
    this.#gets = new UrlCache(async (objects) => await options.mint('get', objects), options.clock);
  }

  async put(key: string, body: Uint8Array, known: Buffer | undefined): Promise<void> {
    checkKey(key);
    checkBody(key, body);
    const { limit } = this.#options;
    const answer = await (limit === undefined ? this.#put(key, body, known) : limit.turn(() => this.#put(key, body, known)));
    if (answer.status === 409 || answer.status === 412) {
      await this.#mustBeSame(key, body);
      return;
    }
    // No object can be missing where one is made: it is the place for it.
    if (answer.status === 404 || answer.status === 410) throw new Fault('STORE_DENIED', { subject: key, found: `status ${answer.status}` });
    if (answer.status < 200 || answer.status > 299) throw refused(key, answer);
  }

  #put(key: string, body: Uint8Array, known: Buffer | undefined): Promise<Answer> {
    const digest = known ?? sha256(body);
    return this.#attempts(key, body.length, async () => {
      const [minted] = await this.#options.mint('put', [{ key, lengthBytes: body.length, sha256: digest }]);
      if (minted?.key !== key) throw new Fault('STORE_UNAVAILABLE', { subject: key, expected: 'a URL for it', found: 'none' });
      return { url: minted.url, method: 'PUT', headers: minted.headers ?? {}, body };
    });
  }

  async get(key: string, range?: { readonly offsetBytes: number; readonly lengthBytes: number }): Promise<Buffer> {
    checkKey(key);
    if (range !== undefined) checkRange(range);
    const expectedBytes = range?.lengthBytes ?? objectBytesMax;
    const answer = await this.#getting(key, range === undefined ? undefined : `bytes=${range.offsetBytes}-${range.offsetBytes + range.lengthBytes - 1}`, expectedBytes);
    if (answer.status === 416 && range !== undefined) throw shortObject(key, range, answer.totalBytes ?? 0);
    if (answer.status !== (range === undefined ? 200 : 206)) throw refused(key, answer);
    // Answers that were cut on the way were tried again; one that is short and whole is what the store has.
    if (range !== undefined && answer.body.length !== range.lengthBytes) throw shortObject(key, range, range.offsetBytes + answer.body.length);
    return answer.body;
  }

  async size(key: string): Promise<number | undefined> {
    checkKey(key);
    try {
      const answer = await this.#getting(key, 'bytes=0-0', 1);
      // An empty object has no first byte; S3 does not say its length then.
      if (answer.status === 416) return answer.totalBytes ?? 0;
      if (answer.status === 206 && answer.totalBytes !== undefined) return answer.totalBytes;
      throw refused(key, answer);
    } catch (error) {
      if (error instanceof Fault && error.code === 'OBJECT_MISSING') return undefined;
      throw error;
    }
  }

  /** A GET with a cached URL; when that one is refused, once more with a fresh one: the clocks may differ. */
  async #getting(key: string, rangeHeader: string | undefined, expectedBytes: number): Promise<Answer> {
    let renewed = false;
    for (;;) {
      const answer = await this.#attempts(key, expectedBytes, async () => {
        const { url, headers } = await this.#gets.urlOf(key);
        return { url, method: 'GET', headers: { ...headers, ...(rangeHeader === undefined ? {} : { range: rangeHeader }) } };
      });
      const denied = answer.status === 401 || answer.status === 403;
      if (!denied || renewed) return answer;
      this.#gets.forget(key);
      renewed = true;
    }
  }

  /** The name is taken: by our own earlier attempt, or by other bytes. */
  async #mustBeSame(key: string, body: Uint8Array): Promise<void> {
    const present = await this.get(key);
    if (!present.equals(body)) throw new Fault('OBJECT_EXISTS', { subject: key });
  }

  async #attempts(key: string, bodyBytes: number, prepare: () => Promise<Parameters<typeof request>[0]>): Promise<Answer> {
    const most = this.#options.attempts ?? 5;
    for (let attempt = 1; ; attempt += 1) {
      const result = await this.#attempt(key, bodyBytes, await prepare());
      if ('answer' in result) return result.answer;
      if (attempt >= most) throw result.again;
      const backOff = Math.min(backOffMsMax, (this.#options.backOffMs ?? 100) * 2 ** (attempt - 1));
      await this.#sleep(Math.max(result.afterMs ?? 0, backOff * (1 + this.#random(1).readUInt8(0) / 256)));
    }
  }

  async #attempt(key: string, bodyBytes: number, prepared: Parameters<typeof request>[0]): Promise<Attempt> {
    this.#throwIfCancelled();
    const { limit } = this.#options;
    const deadlineMs = (this.#options.deadlineMs ?? 20_000) + bodyBytes / Math.min(slowestBytesPerMs, (limit?.bytesPerSecond ?? Infinity) / 2000);
    const deadline = AbortSignal.timeout(Math.ceil(deadlineMs));
    const signal = this.#options.signal === undefined ? deadline : AbortSignal.any([deadline, this.#options.signal]);
    let sentBytes = 0;
    const flow: BodyFlow = {
      pieceBytes: limit?.pieceBytes ?? pieceBytes,
      pass: async (lengthBytes) => await limit?.pass(lengthBytes, signal),
      onSent: (lengthBytes) => {
        sentBytes += lengthBytes;
        this.#options.onSent?.(lengthBytes);
      },
    };
    const inVain = (): void => this.#options.onSent?.(-sentBytes);
    try {
      const answer = await request({ ...prepared, flow }, prepared.method === 'GET' ? bodyBytes : 0, signal);
      if (answer.status !== 429 && answer.status < 500) return { answer };
      inVain();
      const again = new Fault('STORE_UNAVAILABLE', { subject: key, found: `status ${answer.status}` });
      return { again, ...(answer.retryAfterMs === undefined ? {} : { afterMs: Math.min(answer.retryAfterMs, backOffMsMax) }) };
    } catch (error) {
      inVain();
      this.#throwIfCancelled();
      if (error instanceof Fault) throw error;
      return { again: new Fault('STORE_UNAVAILABLE', { subject: key, found: deadline.aborted ? `no answer within ${Math.round(deadlineMs / 1000)} s` : 'a broken connection', cause: error }) };
    }
  }

  async #sleep(waitMs: number): Promise<void> {
    const { signal } = this.#options;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, waitMs);
      signal?.addEventListener('abort', end);
    });
    this.#throwIfCancelled();
  }

  #throwIfCancelled(): void {
    if (this.#options.signal?.aborted === true) throw new Fault('CANCELLED', { subject: 'store', cause: this.#options.signal.reason });
  }
}

/** Whether it was the store itself that said so, and no network: time alone does not cure that. */
export function storeAnswered({ code, found }: Fault): boolean {
  return code === 'STORE_UNAVAILABLE' && found?.startsWith('status ') === true;
}

/** The fault for an answer that will not change by itself. */
function refused(key: string, { status }: Answer): Fault {
  if (status === 404 || status === 410) return new Fault('OBJECT_MISSING', { subject: key });
  if (status >= 400) return new Fault('STORE_DENIED', { subject: key, found: `status ${status}` });
  return new Fault('STORE_UNAVAILABLE', { subject: key, expected: 'an answer of an object store', found: `status ${status}` });
}
