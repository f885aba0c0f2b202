import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '@godwit/base';
import type { ObjectStore } from '@godwit/snapshot';

/** Objects on their way at once: a second hides the round trips of the first. */
const uploadsMax = 2;

interface Spooled {
  readonly key: string;
  readonly file: string;
  readonly lengthBytes: number;
  readonly sha256: Buffer | undefined;
}

/**
 * A store that passes objects on at the store's own pace, and takes those that come faster as soon as this host's disk has them. While a guest runs
 * on, its writes wait for pages that QEMU has not handed over yet: a slow link must not be felt in there. A store that keeps up gets them from
 * memory: whoever puts must be able to have `uploadsMax` (2) objects under way and go on. Objects are sealed before they come here. At most
 * `capBytes` lie here; beyond that `put` waits. What lies here is worth nothing without the agent that put it there: `end` removes it.
 */
export class SpoolStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #directory: string;
  readonly #capBytes: number;
  /** What was taken and is not in the store yet. */
  #spooledBytes = 0;
  readonly #queue: Spooled[] = [];
  #uploading = 0;
  /** Taken so far: each is a file of its own. */
  #files = 0;
  #failure: { readonly error: unknown } | undefined;
  /** Told when anything of the above has changed. */
  #changed = Promise.withResolvers<undefined>();

  constructor(store: ObjectStore, directory: string, capBytes: number) {
    this.#store = store;
    this.#directory = directory;
    this.#capBytes = capBytes;
  }

  /** Bytes that wait for the store. */
  get spooledBytes(): number {
    return this.#spooledBytes;
  }

  /** An empty folder, whatever an earlier agent left in it. */
  async begin(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
    await mkdir(this.#directory, { mode: 0o700 });
  }

  /** Not durable when it resolves: `drained` is. Throws what an earlier upload failed with. */
  async put(key: string, body: Uint8Array, sha256?: Buffer): Promise<void> {
    this.#assertSound();
    if (this.#uploading < uploadsMax && this.#queue.length === 0) {
      await this.#pass(key, body, sha256);
      return;
    }
    // One that is larger than the cap goes alone.
    while (this.#failure === undefined && this.#spooledBytes > 0 && this.#spooledBytes + body.length > this.#capBytes) await this.#changed.promise;
    this.#assertSound();
    this.#spooledBytes += body.length;
    const file = join(this.#directory, String(this.#files++));
    try {
      await writeFile(file, body, { mode: 0o600 });
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#queue.push({ key, file, lengthBytes: body.length, sha256 });
    this.#pump();
  }

  /** Resolves when all that was put is in the store. Throws what an upload failed with. */
  async drained(): Promise<void> {
    while (this.#failure === undefined && (this.#spooledBytes > 0 || this.#uploading > 0)) await this.#changed.promise;
    this.#assertSound();
  }

  /** Nothing more goes to the store but what is on its way, and nothing is left on this host. */
  async end(): Promise<void> {
    this.#fail(new Fault('CANCELLED'));
    while (this.#uploading > 0) await this.#changed.promise;
    await rm(this.#directory, { recursive: true, force: true });
  }

  get(...request: Parameters<ObjectStore['get']>): Promise<Buffer> {
    return this.#store.get(...request);
  }

  size(key: string): Promise<number | undefined> {
    return this.#store.size(key);
  }

  list(prefix: string): ReturnType<ObjectStore['list']> {
    return this.#store.list(prefix);
  }

  delete(key: string): Promise<void> {
    return this.#store.delete(key);
  }

  #pump(): void {
    while (this.#failure === undefined && this.#uploading < uploadsMax && this.#queue.length > 0) {
      this.#uploading += 1;
      void this.#upload(this.#queue.shift()!);
    }
  }

  async #upload({ key, file, lengthBytes, sha256 }: Spooled): Promise<void> {
    try {
      await this.#store.put(key, await readFile(file), sha256);
      await rm(file);
      this.#spooledBytes -= lengthBytes;
    } catch (error) {
      this.#fail(error);
    }
    this.#uploaded();
  }

  /** From memory: throws what its own upload failed with. */
  async #pass(key: string, body: Uint8Array, sha256: Buffer | undefined): Promise<void> {
    this.#uploading += 1;
    try {
      await this.#store.put(key, body, sha256);
    } catch (error) {
      this.#fail(error);
      throw error;
    } finally {
      this.#uploaded();
    }
  }

  #uploaded(): void {
    this.#uploading -= 1;
    this.#pump();
    this.#tell();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#tell();
  }

  #tell(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<undefined>();
    resolve(undefined);
  }

  #assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
