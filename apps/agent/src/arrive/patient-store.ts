import { Fault } from '@godwit/base';
import type { ObjectStore } from '@godwit/snapshot';

/** The store's own client has tried for a few seconds by then; from here on it is a matter of looking again now and then. */
const firstPauseMs = 250;
const pauseMsMax = 2_000;

/**
 * A store whose reads and writes outwait an outage. A guest that runs while its pages are still fetched can wait for one, but not do without,
 * and one that stands still for good may as well stand until its state is stored: between `begin` and `end` a request that finds store or
 * coordinator out of reach is tried again until they are back. What is known to be missing or damaged fails at once, and so does
 * everything outside of that time.
 */
export class PatientStore implements ObjectStore {
  readonly #store: ObjectStore;
  #onWait: ((fault: Fault | undefined) => void) | undefined;
  #waiting = 0;
  #ended = new AbortController();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** From now on requests wait. `onWait` is told the reason when the first one does, and undefined when none does any more. */
  begin(onWait: (fault: Fault | undefined) => void): void {
    this.#onWait = onWait;
    this.#ended = new AbortController();
  }

  /** Requests that wait fail with what they wait about. */
  end(): void {
    this.#onWait = undefined;
    this.#ended.abort();
  }

  get(...request: Parameters<ObjectStore['get']>): Promise<Buffer> {
    return this.#patiently(() => this.#store.get(...request));
  }

  getAfresh(...request: Required<Parameters<ObjectStore['get']>>): Promise<Buffer> {
    return this.#patiently(() => this.#store.getAfresh?.(...request) ?? this.#store.get(...request));
  }

  size(key: string): Promise<number | undefined> {
    return this.#patiently(() => this.#store.size(key));
  }

  put(key: string, body: Uint8Array, sha256?: Buffer): Promise<void> {
    return this.#patiently(() => this.#store.put(key, body, sha256));
  }

  list(prefix: string): ReturnType<ObjectStore['list']> {
    return this.#store.list(prefix);
  }

  delete(key: string): Promise<void> {
    return this.#store.delete(key);
  }

  async #patiently<Result>(request: () => Promise<Result>): Promise<Result> {
    try {
      return await request();
    } catch (error) {
      if (this.#onWait === undefined || !isOutage(error)) throw error;
      return await this.#outwait(request, error);
    }
  }

  async #outwait<Result>(request: () => Promise<Result>, first: Fault): Promise<Result> {
    const { signal } = this.#ended;
    let outage = first;
    this.#waiting += 1;
    if (this.#waiting === 1) this.#onWait?.(outage);
    try {
      for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
        await sleep(pauseMs, signal);
        if (signal.aborted) throw outage;
        try {
          return await request();
        } catch (error) {
          if (!isOutage(error)) throw error;
          outage = error;
        }
      }
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#onWait?.(undefined);
    }
  }
}

/** Whether time may cure it. A store that answers that it does not have the object is not out of reach. */
function isOutage(error: unknown): error is Fault {
  return error instanceof Fault && error.kind === 'unavailable' && error.code !== 'OBJECT_MISSING' && error.code !== 'DATA_MISSING';
}

/** Ends early when `signal` is aborted. */
export function sleep(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, waitMs);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
