import { open, type FileHandle } from 'node:fs/promises';
import { Fault } from '@godwit/base';
import type { NbdBackend } from '@godwit/qemu';
import { leafCountOf, limits, locatePage, pageCountOf, type FrameLocation, type Region } from '@godwit/snapshot';
import type { Recorder } from '../working-set/recorder.ts';
import type { Pace } from './line.ts';
import { frameName, type LiveFrames, type LivePages } from './live-frames.ts';

const { leafPages } = limits;
const missing = 0;
const here = 1;
const zero = 2;

/**
 * One disk of a checkpoint on its way to this host: what was fetched lies in a sparse raw file, the rest is fetched when the
 * guest reads it or when the fill gets there. Complete, the file alone is the disk.
 */
export class DiskSource implements NbdBackend {
  readonly path: string;
  readonly region: Region;
  readonly #file: FileHandle;
  readonly #frames: LiveFrames;
  readonly #recorder: Recorder | undefined;
  /** Per page: missing, here, or zero (here, and known to hold nothing). */
  readonly #pages: Uint8Array;
  readonly #writing = new Map<LivePages, Promise<void>>();

  private constructor(path: string, file: FileHandle, region: Region, frames: LiveFrames, recorder: Recorder | undefined) {
    this.path = path;
    this.#file = file;
    this.region = region;
    this.#frames = frames;
    this.#recorder = recorder;
    this.#pages = new Uint8Array(pageCountOf(region));
  }

  /** Creates the file, which must not exist. `recorder` is told which pages the guest reads. */
  static async create(path: string, region: Region, frames: LiveFrames, recorder?: Recorder): Promise<DiskSource> {
    const file = await open(path, 'wx+', 0o600);
    await file.truncate(region.lengthBytes);
    return new DiskSource(path, file, region, frames, recorder);
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Buffer> {
    this.#note(offsetBytes, lengthBytes);
    await this.#bring(offsetBytes, lengthBytes);
    const bytes = Buffer.alloc(lengthBytes);
    await this.#file.read(bytes, 0, lengthBytes, offsetBytes);
    return bytes;
  }

  async blockStatus(offsetBytes: number, lengthBytes: number): Promise<readonly { lengthBytes: number; zero: boolean }[]> {
    const { pageBytes } = this.region;
    const runs: { lengthBytes: number; zero: boolean }[] = [];
    const end = offsetBytes + lengthBytes;
    for (let at = offsetBytes; at < end; ) {
      const page = Math.floor(at / pageBytes);
      const runBytes = Math.min(end, (page + 1) * pageBytes) - at;
      const isZero = this.#pages[page] === zero;
      const last = runs.at(-1);
      if (last?.zero === isZero) last.lengthBytes += runBytes;
      else runs.push({ lengthBytes: runBytes, zero: isZero });
      at += runBytes;
    }
    return Promise.resolve(runs);
  }

  /** Fetches everything that is still missing, in few requests, and makes the file durable. `yieldTo` is awaited between them. */
  async fill(pace: () => Pace, yieldTo: () => Promise<void>): Promise<void> {
    for await (const live of this.#frames.bring(this.#missingFrames(), pace, () => true)) {
      await this.#keep(live);
      await yieldTo();
    }
    this.#mustHave(0, this.#pages.length);
    await this.#file.sync();
  }

  /** Fetches these pages, as far as they are missing, before anybody reads them. `yieldTo` is awaited between them. */
  async prefetch(pages: Iterable<number>, pace: () => Pace, yieldTo: () => Promise<void>): Promise<void> {
    const frames = new Map<string, FrameLocation>();
    for (const page of pages) for (const location of await this.#wanted(page, page + 1)) frames.set(frameName(location), location);
    for await (const live of this.#frames.bring(frames.values(), pace, () => true)) {
      await this.#keep(live);
      await yieldTo();
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async *#missingFrames(): AsyncGenerator<FrameLocation> {
    await this.#frames.reader.loadLeaves(this.region.id);
    for (let leafIndex = 0; leafIndex < leafCountOf(this.region); leafIndex++) {
      yield* await this.#wanted(leafIndex * leafPages, Math.min(this.#pages.length, (leafIndex + 1) * leafPages));
    }
  }

  #note(offsetBytes: number, lengthBytes: number): void {
    const { id, pageBytes } = this.region;
    for (let page = Math.floor(offsetBytes / pageBytes); page * pageBytes < offsetBytes + lengthBytes; page++) {
      if (this.#pages[page] !== zero) this.#recorder?.noteDisk(id, page);
    }
  }

  async #bring(offsetBytes: number, lengthBytes: number): Promise<void> {
    const { pageBytes } = this.region;
    const wanted = await this.#wanted(Math.floor(offsetBytes / pageBytes), Math.ceil((offsetBytes + lengthBytes) / pageBytes));
    await Promise.all(wanted.map(async (location) => this.#keep(await this.#frames.get(location))));
    this.#mustHave(Math.floor(offsetBytes / pageBytes), Math.ceil((offsetBytes + lengthBytes) / pageBytes));
  }

  /** A page table that lies would leave holes, which read as zeros: TABLE_CORRUPT instead. */
  #mustHave(first: number, end: number): void {
    const page = this.#pages.subarray(first, end).indexOf(missing);
    if (page >= 0) throw new Fault('TABLE_CORRUPT', { subject: this.region.name, expected: `page ${first + page} in its frame` });
  }

  /** The frames that hold missing pages of [first, end), each once; pages found to be zero are marked on the way. */
  async #wanted(first: number, end: number): Promise<FrameLocation[]> {
    const frames = new Map<string, FrameLocation>();
    for (let page = first; page < end; page++) {
      if (this.#pages[page] !== missing) continue;
      const place = locatePage(await this.#frames.reader.leaf(this.region.id, Math.floor(page / leafPages)), page);
      if (place === undefined) this.#pages[page] = zero;
      else frames.set(frameName(place.frame), place.frame);
    }
    return [...frames.values()];
  }

  /** Writes pages into the file, those of one fetch only once however many wait for them. */
  #keep(live: LivePages): Promise<void> {
    let writing = this.#writing.get(live);
    if (writing === undefined) {
      writing = this.#write(live);
      this.#writing.set(live, writing);
      const forget = (): void => void this.#writing.delete(live);
      writing.then(forget, forget);
    }
    return writing;
  }

  async #write({ pages, bytes }: LivePages): Promise<void> {
    const { pageBytes, lengthBytes } = this.region;
    await Promise.all(
      Array.from(pages, async (page, slot) => {
        if (this.#pages[page] !== missing) return;
        const start = page * pageBytes;
        await this.#file.write(bytes, slot * pageBytes, Math.min(pageBytes, lengthBytes - start), start);
        this.#pages[page] = here;
      }),
    );
  }
}
