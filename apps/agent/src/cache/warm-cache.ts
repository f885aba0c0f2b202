import { chmod, mkdir, readdir, rm, stat, statfs, utimes } from 'node:fs/promises';
import type { Clock, Log } from '@godwit/base';
import { limits, parseObjectKey, type ByteRange } from '@godwit/snapshot';
import type { CacheAnswer, ObjectFile } from './object-file.ts';
import { OpenFiles } from './open-files.ts';
import { budgetBytes, defaultLimitBytes, Recency } from './recency.ts';
import { WaitingBytes } from './waiting-bytes.ts';

/** Three packs: uploads that end at the same time are kept, and a disk that is slower than the store costs no more memory than this. */
const waitingBytesMax = 3 * limits.objectBytesMax;
/** Of packs of half a MiB they hold 8 GiB; listing them at the start takes a fraction of a second. */
const filesMax = 16_384;
/** What the headers of one write take at the most, however many gaps it fills. */
const headersBytesMax = 64 * 1024;
/** So often what was used is noted on the disk, and what is free there looked at. */
const sweepMs = 10_000;
/** And after so many bytes, read or written. */
const lookAgainBytes = 64 * 2 ** 20;
/** A file's name is its object's key with dots: no segment of a key has one. Longer ones are not kept. */
const namePattern = /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*$/;
const nameLengthMax = 200;

export interface WarmCacheOptions {
  /** Its own alone; made where it is not there. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined: a tenth of the file system, at most 8 GiB. 0: nothing is kept. */
  readonly limitBytes?: number;
}

/** Since it was opened. */
export interface CacheCounts {
  /** Reads that it answered whole, and those that it did not. */
  hits: number;
  misses: number;
  bytesFromCache: number;
  bytesFetched: number;
}

/**
 * Ranges of the store's objects on this machine's disk, as they were read from it or put into it: ciphertext, and write-once, so nothing
 * in here is ever out of date. It promises nothing: what it has and is intact it gives, everything else is a miss. Whoever kills it or
 * damages its files loses what is in them and no more. Nothing in it waits for the disk, and it syncs nothing.
 */
export class WarmCache {
  readonly counts: CacheCounts = { hits: 0, misses: 0, bytesFromCache: 0, bytesFetched: 0 };
  readonly #options: WarmCacheOptions;
  readonly #files: OpenFiles;
  readonly #recency = new Recency();
  readonly #waiting = new WaitingBytes(waitingBytesMax);
  /** Used since the last sweep, in that order. */
  readonly #used = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  /** Whatever changes files, one after the other. */
  #turn: Promise<void>;
  readonly #listed: Promise<void>;
  #limitBytes: number | undefined;
  /** Until it was looked at, what comes first is taken. */
  #budget = Infinity;
  #unlookedBytes = 0;
  /** The disk refused a write: until the next sweep none is tried. */
  #resting = false;

  constructor(options: WarmCacheOptions) {
    this.#options = options;
    this.#limitBytes = options.limitBytes;
    this.#files = new OpenFiles(options.directory);
    this.#listed = this.#list().catch((error: unknown) => {
      this.#budget = 0;
      this.#options.log.warn('cache-not-listed', { error });
    });
    this.#turn = this.#listed;
    this.#timer = setInterval(() => void this.#inTurn(() => this.#sweep()), sweepMs).unref();
  }

  /** What it has of `range`, which is one of at most the largest object. */
  async read(key: string, range: ByteRange): Promise<CacheAnswer> {
    await this.#listed;
    const answer = await this.#read(nameOf(key), range);
    const missingBytes = answer.missing?.lengthBytes ?? 0;
    if (missingBytes === 0) this.counts.hits += 1;
    else this.counts.misses += 1;
    this.counts.bytesFetched += missingBytes;
    this.counts.bytesFromCache += range.lengthBytes - missingBytes;
    return answer;
  }

  /** Keeps a copy of `bytes`, which lie at `offsetBytes` of the object, unless too much waits to be written already. */
  keep(key: string, offsetBytes: number, bytes: Uint8Array): void {
    const name = this.#wants(key, bytes);
    if (name !== undefined) this.#take(name, offsetBytes, bytes);
  }

  /** As `keep`, but waits until there is room for the copy: `bytes` are free again when it resolves. Never rejects. */
  async keepAll(key: string, offsetBytes: number, bytes: Uint8Array): Promise<void> {
    for (let name = this.#wants(key, bytes); name !== undefined; name = this.#wants(key, bytes)) {
      if (this.#take(name, offsetBytes, bytes) || bytes.length > waitingBytesMax) return;
      await this.#turn;
    }
  }

  /** The name to keep it under, where it is to be kept at all. */
  #wants(key: string, bytes: Uint8Array): string | undefined {
    return bytes.length === 0 || bytes.length > this.#budget || this.#resting ? undefined : nameOf(key);
  }

  #take(name: string, offsetBytes: number, bytes: Uint8Array): boolean {
    const copy = this.#waiting.copy(bytes);
    if (copy === undefined) return false;
    void this.#inTurn(async () => {
      try {
        await this.#write(name, offsetBytes, copy);
      } finally {
        this.#waiting.drop();
      }
    });
    return true;
  }

  /** Has nothing of that range any more, or of the whole object. */
  forget(key: string, range?: ByteRange): Promise<void> {
    const name = nameOf(key);
    return this.#inTurn(async () => {
      if (name === undefined || !this.#recency.has(name)) return;
      if (range === undefined) await this.#remove(name);
      else {
        await this.#files.use(name, false, (file) => {
          file.forget(range);
          return Promise.resolve();
        });
      }
    });
  }

  /** Undefined: the default again. */
  async setLimit(limitBytes: number | undefined): Promise<void> {
    this.#limitBytes = limitBytes;
    await this.#inTurn(() => this.#shrink());
  }

  async clear(): Promise<void> {
    await this.#inTurn(async () => {
      for (const name of this.#recency.victims(0, 0)) await this.#remove(name);
    });
  }

  /** Gives up as much as it takes, and as it has, that `neededBytes` of the file system are free. */
  async makeRoom(neededBytes: number): Promise<void> {
    await this.#inTurn(async () => {
      const { bavail, bsize } = await statfs(this.#options.directory);
      for (const name of this.#recency.victims(this.#recency.bytes - Math.max(0, neededBytes - bavail * bsize), filesMax)) await this.#remove(name);
      await this.#look();
    });
  }

  /** What is there now, when everything that waited is written: bytes by name, the least recently used first, and the limit. */
  async contents(): Promise<{ readonly files: ReadonlyMap<string, number>; readonly bytes: number; readonly limitBytes: number; readonly limitIsDefault: boolean; readonly budgetBytes: number }> {
    let limitBytes = this.#limitBytes ?? 0;
    await this.#inTurn(async () => {
      const { blocks, bsize } = await statfs(this.#options.directory);
      limitBytes = this.#limitBytes ?? defaultLimitBytes(blocks * bsize);
      await this.#look();
    });
    return { files: this.#recency.files, bytes: this.#recency.bytes, limitBytes, limitIsDefault: this.#limitBytes === undefined, budgetBytes: Math.min(this.#budget, limitBytes) };
  }

  /** Ends the sweeps; what waits is written. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#inTurn(async () => {
      for (const name of this.#recency.files.keys()) this.#files.forget(name);
    });
  }

  /** Never rejects: a cache that cannot do something has done less, and nobody depends on it. */
  #inTurn(action: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(action).catch((error: unknown) => {
      this.#resting = true;
      this.#options.log.warn('cache-rests', { error });
    });
    return this.#turn;
  }

  async #list(): Promise<void> {
    const { directory } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    const found: { name: string; bytes: number; usedMs: number }[] = [];
    for (const name of (await readdir(directory)).filter((each) => namePattern.test(each))) {
      const { size, mtimeMs } = await stat(this.#files.pathOf(name));
      found.push({ name, bytes: size, usedMs: mtimeMs });
    }
    for (const { name, bytes } of found.sort((a, b) => a.usedMs - b.usedMs)) this.#recency.use(name, bytes);
    await this.#shrink();
  }

  async #read(name: string | undefined, range: ByteRange): Promise<CacheAnswer> {
    if (name === undefined || !this.#recency.has(name)) return { bytes: undefined, missing: range };
    this.#use(name);
    this.#traffic(range.lengthBytes);
    try {
      return await this.#files.use(name, false, (file) => file.read(range));
    } catch (error) {
      this.#options.log.warn('cache-not-read', { name, error });
      void this.#inTurn(() => this.#remove(name));
      return { bytes: undefined, missing: range };
    }
  }

  async #write(name: string, offsetBytes: number, bytes: Buffer): Promise<void> {
    this.#traffic(bytes.length);
    const neededBytes = bytes.length + headersBytesMax;
    for (const victim of this.#recency.victims(this.#budget - neededBytes, filesMax - 1, name)) await this.#remove(victim);
    if (this.#recency.bytes + neededBytes > this.#budget) return;
    try {
      if (!(await this.#add(name, offsetBytes, bytes))) {
        await this.#remove(name);
        await this.#add(name, offsetBytes, bytes);
      }
    } catch (error) {
      // Half a record may be there.
      await this.#remove(name);
      throw error;
    }
  }

  /** False where the file has become too long. */
  #add(name: string, offsetBytes: number, bytes: Buffer): Promise<boolean> {
    return this.#files.use(name, true, async (file: ObjectFile) => {
      if (!file.hasRoom(bytes.length)) return false;
      await file.add(offsetBytes, bytes);
      this.#use(name, file.lengthBytes);
      return true;
    });
  }

  async #remove(name: string): Promise<void> {
    this.#recency.remove(name);
    this.#used.delete(name);
    this.#files.forget(name);
    await rm(this.#files.pathOf(name), { force: true, recursive: true });
  }

  #use(name: string, lengthBytes?: number): void {
    this.#recency.use(name, lengthBytes);
    this.#used.delete(name);
    this.#used.add(name);
  }

  #traffic(bytes: number): void {
    this.#unlookedBytes += bytes;
    if (this.#unlookedBytes < lookAgainBytes) return;
    this.#unlookedBytes = 0;
    void this.#inTurn(() => this.#shrink());
  }

  async #look(): Promise<void> {
    const { blocks, bsize, bavail } = await statfs(this.#options.directory);
    this.#budget = budgetBytes({ limitBytes: this.#limitBytes, usedBytes: this.#recency.bytes, fileSystemBytes: blocks * bsize, freeBytes: bavail * bsize });
  }

  async #shrink(): Promise<void> {
    await this.#look();
    for (const name of this.#recency.victims(this.#budget, filesMax)) await this.#remove(name);
  }

  /** The order of use outlives the agent as the files' times. */
  async #sweep(): Promise<void> {
    this.#resting = false;
    this.#waiting.release();
    const used = [...this.#used];
    this.#used.clear();
    const nowMs = this.#options.clock.wallMs();
    for (const [index, name] of used.entries()) {
      const seconds = (nowMs - used.length + index) / 1000;
      // One that somebody removed is found missing when it is read.
      await utimes(this.#files.pathOf(name), seconds, seconds).catch(() => undefined);
    }
    await this.#shrink();
  }
}

/** The object's key, of a file's name. */
export function keyOf(name: string): string {
  return name.replaceAll('.', '/');
}

/** Undefined for what is not kept: manifests, which the coordinator gives, and keys that are too long for a name. */
function nameOf(key: string): string | undefined {
  const name = key.replaceAll('/', '.');
  return key.length > nameLengthMax || !namePattern.test(name) || parseObjectKey(key)?.kind === 'manifest' ? undefined : name;
}
