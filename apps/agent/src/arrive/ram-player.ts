import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, type Clock } from '@godwit/base';
import {
  eagerClosing, eagerOpening, postcopyClosing, postcopyOpening, postcopySwitch, ramPages, ramZeroPages, ReturnPathDecoder, SentPages,
  type PageRequest, type StreamHead,
} from '@godwit/qemu';
import { leafCountOf, limits, locatePage, pageCountOf, type FrameLocation, type Leaf, type PageDigests, type Region } from '@godwit/snapshot';
import type { DeviceState } from '../machine/state-region.ts';
import type { Recorder } from '../working-set/recorder.ts';
import { HeldFrames } from './held-frames.ts';
import type { Line } from './line.ts';
import type { LiveFrames, LivePages } from './live-frames.ts';
import { groupPages, ReadAhead } from './read-ahead.ts';

const { leafPages, ramPageBytes } = limits;
/** Zero pages that come along with one that was asked for: they cost 9 bytes each and save a fault each. */
const zeroNeighbours = 64;
/** The fill goes on when so long no fault came, or after so much patience. */
const calmMs = 5;
const patienceMs = 25;

export interface RamPlayerOptions {
  readonly socket: Socket;
  readonly frames: LiveFrames;
  readonly head: StreamHead;
  /** The region of each block of `head`. */
  readonly ram: readonly Region[];
  readonly device: DeviceState;
  /** Filled with every page that passes, unless undefined: the next departure sends only what differs. */
  readonly digests: PageDigests | undefined;
  readonly clock: Clock;
  readonly line: Line;
  /** While it records, a fault gets its page and the few around it, not the whole frame: what the guest needs is to be known about as finely. */
  readonly recorder: Recorder | undefined;
}

/**
 * Plays the RAM of a checkpoint into an incoming QEMU, as the source of a migration (qemu-facts.md, "Lazy resume"). After the
 * switch each page goes exactly once: on demand, or with the fill, whichever comes first.
 */
export class RamPlayer {
  readonly #options: RamPlayerOptions;
  readonly #sent: SentPages;
  /** By region id: the index of its block. */
  readonly #blocks: ReadonlyMap<number, number>;
  readonly #held = new HeldFrames();
  readonly #ahead = new ReadAhead();
  readonly #shut = Promise.withResolvers<number>();
  readonly #failed = Promise.withResolvers<never>();
  /** Faults being served. The fill stands back while there are any. */
  #serving = 0;
  #onQuiet: (() => void)[] = [];
  /** When the last fault had been served. */
  #servedMs = 0;
  pagesOnDemand = 0;
  pagesPrefetched = 0;
  doneBytes = 0;

  constructor(options: RamPlayerOptions) {
    this.#options = options;
    this.#sent = new SentPages(options.head.blocks);
    this.#blocks = new Map(options.ram.map(({ id }, index) => [id, index]));
    this.#failed.promise.catch(() => undefined); // Whoever sends or waits is told; a failure that nobody waits for ends with the socket.
    this.#listen();
  }

  /** Rejects when the connection or a fetch failed: the guest cannot go on without its pages. Never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Post-copy: hands over the device state; QEMU runs the guest and asks for pages from now on. */
  async switchOver(): Promise<void> {
    const { head, device } = this.#options;
    await this.#send(postcopyOpening(head));
    await this.#send(postcopySwitch(device.blob));
  }

  /** On the clock's `workMs`: when the last fault had been served, 0 before the first. */
  get lastFaultMs(): number {
    return this.#servedMs;
  }

  /** Sends these pages of a frame, and those around them, before anybody asks for them; the others of it are held for whoever does. */
  async prefetch(live: LivePages, pages: ReadonlySet<number>): Promise<void> {
    const groups = new Set(Array.from(pages, groupOf));
    const isWanted = (page: number): boolean => groups.has(groupOf(page));
    this.pagesPrefetched += live.pages.reduce((count, page) => count + (isWanted(page) && !this.#sent.isSent(this.#blockOf(live.regionId), page) ? 1 : 0), 0);
    await this.#deliver(live, isWanted);
  }

  /** The same for a page that holds nothing. */
  async prefetchZero(leaf: Leaf, page: number): Promise<void> {
    const index = this.#blockOf(leaf.regionId);
    if (!this.#sent.isSent(index, page)) this.pagesPrefetched += 1;
    await this.#sendZeros(index, leaf, page - leaf.leafIndex * leafPages, 1);
  }

  /** Sends what is held, while nobody waits for anything else. */
  async letGo(): Promise<void> {
    for (let live = this.#held.oldest; live !== undefined; live = this.#held.oldest) {
      await Promise.race([this.quiet(), this.failed]);
      this.#held.remove(live);
      await this.#sendPages(live, () => true);
    }
  }

  /** Post-copy: sends everything that was not asked for, ends the stream, and resolves when QEMU has confirmed it. */
  async fill(onProgress: () => void): Promise<void> {
    await this.#sendAll(onProgress);
    await this.#send(postcopyClosing());
    await Promise.race([this.#shut.promise, this.failed]);
  }

  /** Eager: all of RAM first, then the device state; QEMU runs the guest when it has everything. */
  async playAll(onProgress: () => void): Promise<void> {
    const { head, device } = this.#options;
    await this.#send(eagerOpening(head));
    await this.#sendAll(onProgress);
    await this.#send(eagerClosing(device.blob));
  }

  /**
   * Resolves when no fault is being served and none is to be expected at once: a guest that has just got a page mostly asks for the next
   * within milliseconds, and shares the processor with us. Waits for that at most 25 ms, so that the fill always gets on.
   */
  async quiet(): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.workMs() + patienceMs;
    while (this.#serving > 0 || (clock.workMs() - this.#servedMs < calmMs && clock.workMs() < untilMs)) {
      if (this.#serving > 0) await new Promise<void>((resolve) => this.#onQuiet.push(resolve));
      else await sleep(calmMs);
    }
  }

  #listen(): void {
    const { socket } = this.#options;
    const decoder = new ReturnPathDecoder({
      onShut: (status) => {
        if (status === 0) this.#shut.resolve(status);
        else this.#fail(new Fault('LOAD_FAILED', { expected: 'status 0', found: `status ${status}` }));
      },
      onPong: () => undefined,
      onRequest: (request) => void this.#serve(request).catch((error: unknown) => this.#fail(error)),
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        decoder.push(chunk);
      } catch (error) {
        this.#fail(error);
      }
    });
    socket.on('error', (error) => this.#fail(new Fault('LOAD_FAILED', { cause: error })));
    socket.on('close', () => this.#fail(new Fault('LOAD_FAILED', { found: 'QEMU closed the connection' })));
  }

  #fail(error: unknown): void {
    this.#failed.reject(error);
    this.#options.socket.destroy();
  }

  async #serve({ block, startBytes, lengthBytes }: PageRequest): Promise<void> {
    const index = this.#sent.blockIndex(block);
    this.#serving += 1;
    try {
      for (let page = startBytes / ramPageBytes; page < (startBytes + lengthBytes) / ramPageBytes; page++) await this.#servePage(index, page);
    } finally {
      this.#serving -= 1;
      this.#servedMs = this.#options.clock.workMs();
      if (this.#serving === 0) {
        const waiting = this.#onQuiet;
        this.#onQuiet = [];
        for (const resolve of waiting) resolve();
      }
    }
  }

  async #servePage(index: number, page: number): Promise<void> {
    if (this.#sent.isSent(index, page)) return;
    this.pagesOnDemand += 1;
    const { frames, ram, recorder } = this.#options;
    const regionId = ram[index]!.id;
    const ahead = recorder?.recording === true ? this.#ahead.next(index, page) : undefined;
    const isNoted = ahead?.isWalk === false;
    if (isNoted) recorder?.noteRam(regionId, page);
    const leaf = await frames.reader.leaf(regionId, Math.floor(page / leafPages));
    const place = locatePage(leaf, page);
    if (place === undefined) await this.#sendZeros(index, leaf, page - leaf.leafIndex * leafPages, zeroNeighbours);
    else {
      const live = this.#held.get(place.frame) ?? (await frames.get(place.frame));
      // Its group comes along and is part of the set: most of what the guest asks for beside a known set lies next to it.
      if (isNoted) for (const each of live.pages) if (groupOf(each) === groupOf(page)) recorder?.noteRam(regionId, each);
      await this.#deliver(live, (candidate) => ahead === undefined || groupOf(candidate) === groupOf(page) || (candidate >= page && candidate < page + ahead.pages));
    }
    // A page table that lies would leave the guest waiting for ever.
    if (!this.#sent.isSent(index, page)) throw new Fault('TABLE_CORRUPT', { subject: ram[index]!.name, expected: `page ${page} in its frame` });
  }

  /** Sends those pages of a frame that are wanted now, and holds it while there are others. */
  async #deliver(live: LivePages, isWanted: (page: number) => boolean): Promise<void> {
    await this.#sendPages(live, isWanted);
    if (!this.#hasUnsent(live)) this.#held.remove(live);
    else for (const out of this.#held.put(live)) await this.#sendPages(out, () => true);
  }

  #hasUnsent({ regionId, pages }: LivePages): boolean {
    const index = this.#blockOf(regionId);
    return pages.some((page) => !this.#sent.isSent(index, page));
  }

  async #sendAll(onProgress: () => void): Promise<void> {
    const { frames, line } = this.#options;
    for await (const live of frames.bring(this.#unsentFrames(), () => line.fillPace(), () => true)) {
      await Promise.race([this.quiet(), this.failed]);
      await this.#sendPages(live, () => true);
      onProgress();
    }
    if (!this.#sent.complete) throw new Fault('TABLE_CORRUPT', { expected: 'every page of RAM in the checkpoint', found: `${this.#sent.remainingPages} missing` });
  }

  /** Region by region, leaf by leaf; the zero pages of a leaf go when its turn comes. */
  async *#unsentFrames(): AsyncGenerator<FrameLocation> {
    const { frames, ram } = this.#options;
    for (const [index, region] of ram.entries()) {
      await frames.reader.loadLeaves(region.id);
      for (let leafIndex = 0; leafIndex < leafCountOf(region); leafIndex++) {
        const leaf = await frames.reader.leaf(region.id, leafIndex);
        await this.#sendZeros(index, leaf, 0, leafPages);
        yield* leaf.frames.filter((_, reference) => this.#anyUnsent(index, leaf, reference + 1));
      }
    }
  }

  #anyUnsent(index: number, leaf: Leaf, reference: number): boolean {
    return leaf.references.some((found, at) => found === reference && !this.#sent.isSent(index, leaf.leafIndex * leafPages + at));
  }

  /** The unsent zero pages of the leaf, from its `first` page on, at most `count`. */
  async #sendZeros(index: number, leaf: Leaf, first: number, count: number): Promise<void> {
    const pages: number[] = [];
    const end = Math.min(leaf.references.length, first + count);
    for (let at = first; at < end; at++) {
      const page = leaf.leafIndex * leafPages + at;
      if (leaf.references[at] === 0 && this.#sent.take(index, page)) pages.push(page);
    }
    if (pages.length === 0) return;
    const { head, digests, ram } = this.#options;
    const batch = Uint32Array.from(pages);
    digests?.recordZero(ram[index]!.id, batch);
    this.doneBytes += pages.length * ramPageBytes;
    await this.#send(ramZeroPages(head.blocks[index]!.id, { blockIndex: index, count: pages.length, pages: batch }));
  }

  /** What of these pages is wanted and was not sent yet. */
  async #sendPages(live: LivePages, isWanted: (page: number) => boolean): Promise<void> {
    const index = this.#blockOf(live.regionId);
    const slots: number[] = [];
    live.pages.forEach((page, slot) => {
      if (isWanted(page) && this.#sent.take(index, page)) slots.push(slot);
    });
    if (slots.length === 0) return;
    const { head, digests } = this.#options;
    const all = slots.length === live.pages.length;
    const pages = all ? live.pages : Uint32Array.from(slots, (slot) => live.pages[slot]!);
    const bytes = all ? live.bytes : Buffer.concat(slots.map((slot) => live.bytes.subarray(slot * ramPageBytes, (slot + 1) * ramPageBytes)));
    this.doneBytes += bytes.length;
    const sending = this.#send(ramPages(head.blocks[index]!.id, { blockIndex: index, count: pages.length, pages, bytes }));
    // Hashed while the kernel takes the bytes: the guest that waits for them does not wait for this.
    digests?.record(live.regionId, pages, bytes);
    await sending;
  }

  /** A frame of a page table that lies may be of another region. */
  #blockOf(regionId: number): number {
    const index = this.#blocks.get(regionId);
    if (index === undefined) throw new Fault('TABLE_CORRUPT', { expected: 'a frame of RAM', found: `region ${regionId}` });
    return index;
  }

  /** Writes in one go, in order; waits while QEMU does not read. */
  async #send(buffers: readonly Buffer[]): Promise<void> {
    const { socket } = this.#options;
    if (socket.destroyed) throw new Fault('LOAD_FAILED', { found: 'a closed connection' });
    socket.cork();
    let room = true;
    for (const buffer of buffers) room = socket.write(buffer);
    socket.uncork();
    if (!room) await Promise.race([new Promise<void>((resolve) => socket.once('drain', resolve)), this.failed]);
  }
}

function groupOf(page: number): number {
  return Math.floor(page / groupPages);
}

/** Total of RAM in bytes, for progress. */
export function ramBytesOf(ram: readonly Region[]): number {
  return ram.reduce((sum, region) => sum + pageCountOf(region) * ramPageBytes, 0);
}
