import { availableParallelism } from 'node:os';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { Fault, newId, type PackId } from '@godwit/base';
import type { FramePacker } from './frame-packer.ts';
import { FrameSlots } from './frame-slots.ts';
import { keysOfPack } from './keys.ts';
import { packObjectKey } from './layout.ts';
import type { FrameLocation } from './leaf.ts';
import { packBytesMax, packsInFlightMax, packThreadsMax } from './limits.ts';
import type { ManifestPack } from './manifest.ts';
import { encodePackContext, type FrameKind, type PackContext } from './pack-format.ts';
import type { PackStreamOptions } from './pack-stream.ts';
import type { PackOrder, PackReport } from './pack-worker.ts';
import type { TableLocation } from './root.ts';

interface PackThread {
  readonly worker: Worker;
  /** Packs that it was given and that did not come back full. */
  blanks: number;
  readonly flushed: PromiseWithResolvers<undefined>;
}

/** A pack from the moment a thread is given its memory until it is in the store. */
interface PackUnderWay {
  readonly context: PackContext;
  readonly memory: SharedArrayBuffer;
  readonly thread: PackThread;
}

/** What a thread that captures needs to hand frames over: memory for their plaintexts, and a port to each thread that makes packs. */
export interface FrameHandOver {
  readonly slots: SharedArrayBuffer;
  readonly ports: readonly MessagePort[];
}

/** One that is filled next is at hand before the one before is full. */
const blanksPerThread = 2;

/**
 * Makes packs on threads of their own: compression, seals, digests and the check of what was written happen there, in memory that is used
 * again and again, and this thread only hands full packs to the store. Frames come from here (`append`) and from a capture thread (`connect`).
 *
 * Memory: 8 MiB for each pack, at most `packsInFlightMax` and one per thread. While none is free frames wait; while frames wait their slots
 * are taken; while all slots are taken the capture thread stands still. Ends its threads with `finish` or `abort`.
 */
export class PackThreads implements FramePacker {
  readonly #options: PackStreamOptions;
  readonly #threads: readonly PackThread[];
  readonly #free: SharedArrayBuffer[] = [];
  #memories = 0;
  readonly #underWay = new Map<PackId, PackUnderWay>();
  readonly #stored = new Map<PackId, ManifestPack>();
  readonly #uploads = new Set<Promise<void>>();
  readonly #tickets = new Map<number, PromiseWithResolvers<TableLocation>>();
  #nextTicket = 0;
  /** Of the capture thread's frames, by their number there. */
  readonly #places: FrameLocation[] = [];
  #placed = 0;
  #expected: { readonly count: number; readonly result: PromiseWithResolvers<readonly FrameLocation[]> } | undefined;
  readonly #failed = Promise.withResolvers<never>();
  #failure: { readonly error: unknown } | undefined;
  #ending = false;

  constructor(options: PackStreamOptions, threads = Math.min(packThreadsMax, Math.max(1, availableParallelism() - 1))) {
    this.#options = options;
    this.#failed.promise.catch(() => undefined); // Seen by whoever waits for something else as well.
    this.#threads = Array.from({ length: threads }, () => this.#start());
    this.#provide();
  }

  /** Never resolves; rejects with whatever goes wrong first, in a thread or with the store. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  async append(kind: FrameKind, plain: Buffer): Promise<TableLocation> {
    this.#throwFailure();
    const ticket = this.#nextTicket++;
    const placed = Promise.withResolvers<TableLocation>();
    this.#tickets.set(ticket, placed);
    const whole = plain.byteOffset === 0 && plain.length === plain.buffer.byteLength && plain.buffer instanceof ArrayBuffer;
    const given = whole ? plain : Uint8Array.from(plain);
    // Leaves and root lie together at the end of one thread's packs; so does all that this thread appends, which is little.
    this.#order(this.#threads[0]!, { frame: { ticket, kind, plain: given } }, [given.buffer as ArrayBuffer]);
    return await placed.promise;
  }

  /** For one capture thread, which numbers its frames from 0. */
  connect(): FrameHandOver {
    const slots = new FrameSlots().shared;
    const ports = this.#threads.map((thread) => {
      const { port1, port2 } = new MessageChannel();
      this.#order(thread, { frames: port2, slots }, [port2]);
      return port1;
    });
    return { slots, ports };
  }

  /** Where the capture thread's frames 0 to `count` - 1 lie, as soon as all of them have a place. */
  placesOf(count: number): Promise<readonly FrameLocation[]> {
    const result = Promise.withResolvers<readonly FrameLocation[]>();
    this.#expected = { count, result };
    this.#tellPlaces();
    return Promise.race([result.promise, this.failed]);
  }

  async finish(): Promise<ReadonlyMap<PackId, ManifestPack>> {
    this.#throwFailure();
    for (const thread of this.#threads) this.#order(thread, { flush: true });
    await Promise.race([Promise.all(this.#threads.map(({ flushed }) => flushed.promise)), this.failed]);
    await Promise.race([Promise.all(this.#uploads), this.failed]);
    await this.#end();
    return this.#stored;
  }

  async abort(reason: unknown): Promise<void> {
    this.#fail(reason);
    await this.#end();
    await Promise.allSettled(this.#uploads);
  }

  async #end(): Promise<void> {
    this.#ending = true;
    await Promise.all(this.#threads.map(async ({ worker }) => await worker.terminate()));
  }

  #start(): PackThread {
    const worker = new Worker(new URL('pack-worker.js', import.meta.url), { name: 'godwit-pack' });
    const thread: PackThread = { worker, blanks: 0, flushed: Promise.withResolvers<undefined>() };
    worker.on('message', (report: PackReport) => this.#take(thread, report));
    worker.on('error', (error) => this.#fail(Fault.from(error)));
    worker.on('exit', () => {
      if (!this.#ending) this.#fail(new Fault('INTERNAL', { expected: 'a thread that makes packs', found: 'its end' }));
    });
    return thread;
  }

  #take(thread: PackThread, report: PackReport): void {
    if (this.#failure !== undefined) return;
    if ('fault' in report) this.#fail(Fault.fromJSON(report.fault));
    else if ('flushed' in report) thread.flushed.resolve(undefined);
    else if ('full' in report) this.#upload(report.full, report.lengthBytes, report.digest);
    else if ('ticket' in report) {
      this.#tickets.get(report.ticket)?.resolve(report.placed);
      this.#tickets.delete(report.ticket);
    } else {
      this.#places[report.number] = { ...report.placed, regionId: report.regionId };
      this.#placed += 1;
      this.#tellPlaces();
    }
  }

  #tellPlaces(): void {
    if (this.#expected?.count === this.#placed) this.#expected.result.resolve(this.#places);
  }

  #upload(packId: PackId, lengthBytes: number, digestBytes: Uint8Array): void {
    const { context, memory, thread } = this.#underWay.get(packId)!;
    const { store, onStored } = this.#options;
    thread.blanks -= 1;
    const digest = Buffer.from(digestBytes);
    const upload = (async () => {
      try {
        await store.put(packObjectKey(context), Buffer.from(memory, 0, lengthBytes), digest);
        this.#underWay.delete(packId);
        this.#stored.set(packId, { ...context, lengthBytes, digest });
        this.#free.push(memory);
        this.#provide();
        onStored?.(lengthBytes);
      } catch (error) {
        this.#fail(error);
      }
    })();
    this.#uploads.add(upload);
    void upload.then(() => this.#uploads.delete(upload));
    this.#provide();
  }

  /** A thread without a pack comes before one that would have its next one at hand. */
  #provide(): void {
    for (let enough = 0; enough < blanksPerThread; enough += 1) {
      for (const thread of this.#threads) {
        if (thread.blanks > enough) continue;
        const memory = this.#memory();
        if (memory === undefined || this.#failure !== undefined) return;
        this.#give(thread, memory);
      }
    }
  }

  #memory(): SharedArrayBuffer | undefined {
    const used = this.#free.pop();
    if (used !== undefined || this.#memories === packsInFlightMax + this.#threads.length) return used;
    this.#memories += 1;
    return new SharedArrayBuffer(packBytesMax);
  }

  #give(thread: PackThread, memory: SharedArrayBuffer): void {
    const { origin, random, keys } = this.#options;
    const context = { ...origin, packId: newId<PackId>(random) };
    const { seal, commitment } = keysOfPack(keys, context, encodePackContext(context));
    const sealCopy = Uint8Array.from(seal.bytes);
    seal.zero();
    thread.blanks += 1;
    this.#underWay.set(context.packId, { context, memory, thread });
    this.#order(thread, { blank: { context, memory, seal: sealCopy, commitment: Uint8Array.from(commitment) } }, [sealCopy.buffer]);
  }

  #order({ worker }: PackThread, order: PackOrder, transferred: (ArrayBuffer | MessagePort)[] = []): void {
    worker.postMessage(order, transferred);
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#failed.reject(error);
    for (const placed of this.#tickets.values()) placed.reject(error);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
