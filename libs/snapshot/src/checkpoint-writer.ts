import { Fault, newId, type Clock, type CommitId, type PackId, type Random } from '@godwit/base';
import type { DeviceSecrets } from '@godwit/crypto';
import type { CheckpointReader } from './checkpoint-reader.ts';
import type { FramePacker } from './frame-packer.ts';
import { InFlight } from './in-flight.ts';
import type { DesktopKeys } from './keys.ts';
import type { FrameLocation } from './leaf.ts';
import { framePagesMax, framesInFlightMax } from './limits.ts';
import { manifestKeyOf, type ManifestPack, type ManifestPublic } from './manifest.ts';
import { openManifest, sealManifest, type ManifestStats } from './manifest-sealed.ts';
import type { PackOrigin } from './pack-format.ts';
import { PackStream, type PackStreamOptions } from './pack-stream.ts';
import { fullFrameMemory, type OpenFrame } from './page-frame.ts';
import { PageFramer, type FramedPages } from './page-framer.ts';
import type { Region } from './region.ts';
import { packsOfRoot, type TableLocation } from './root.ts';
import { writeRoot } from './root-writer.ts';
import type { ObjectStore } from './store/object-store.ts';

export interface CheckpointProgress {
  readonly pagesWritten: number;
  readonly pagesZero: number;
  readonly packs: number;
  readonly bytesUploaded: number;
}

export interface CheckpointWriterOptions {
  readonly store: ObjectStore;
  readonly keys: DesktopKeys;
  readonly epoch: number;
  readonly keyGeneration: number;
  /** The device of this host: it signs the manifest. */
  readonly signer: DeviceSecrets;
  /** The account's device chain as known now. */
  readonly chain: { readonly length: number; readonly headHash: Buffer };
  /** The desktop's newest checkpoint. Pages that are never put are taken from it. */
  readonly parent?: CheckpointReader;
  /** Instead of a parent, for the first checkpoint of a fork: one of another desktop, whose keys `keys` also gives. */
  readonly forkedFrom?: CheckpointReader;
  /** In any order; `addRegion` adds those that are known only later, such as the device blob. */
  readonly regions: readonly Region[];
  readonly random: Random;
  readonly clock: Clock;
  /** What makes packs of frames: this thread unless told. */
  readonly packer?: (options: PackStreamOptions) => FramePacker;
  /** Called when a pack has arrived in the store. */
  readonly onProgress?: (progress: CheckpointProgress) => void;
}

export interface FinishCheckpoint {
  /** Canonical bytes of the machine contract, at most 64 KiB. */
  readonly contract: Buffer;
  /** Above the parent's; 1 for a desktop's first checkpoint. */
  readonly sequence: number;
  /** The writer's clock unless told. */
  readonly createdMs?: number;
  /** Fresh for each attempt to commit; drawn here unless told. */
  readonly commitId?: CommitId;
  readonly stats: Pick<ManifestStats, 'bytesScanned' | 'pauseMs'>;
}

export interface FinishedCheckpoint {
  readonly manifest: Buffer;
  readonly digest: Buffer;
  /** The manifest's object key. */
  readonly key: string;
  readonly commitId: CommitId;
  readonly stats: ManifestStats & { readonly manifestBytes: number; readonly leavesWritten: number; readonly leavesShared: number };
}

/**
 * Writes one checkpoint. Pages go in, in any order and as often as they change; `finish` leaves the packs and the manifest in the
 * store. After any failure, and after `abort`, every call throws that failure; what was uploaded by then belongs to no
 * checkpoint and is left to prune. Holds at most 64 MiB of pages (limits.ts) beside 5 bytes per page of what it touches.
 */
export class CheckpointWriter {
  readonly #options: CheckpointWriterOptions;
  readonly #framer: PageFramer;
  /** Frames that are closed and not yet on their way. */
  readonly #closed: OpenFrame[] = [];
  readonly #compressing = new InFlight(framesInFlightMax);
  readonly #packs: FramePacker;
  /** By number of the writer's frames; filled as they are sealed. */
  readonly #places: FrameLocation[] = [];
  /** Those of frames that another thread filled. */
  #adopted: Promise<readonly FrameLocation[]> = Promise.resolve([]);
  #packsStored = 0;
  #bytesUploaded = 0;
  #state: 'open' | 'finished' | { readonly failure: unknown } = 'open';

  constructor(options: CheckpointWriterOptions) {
    this.#options = options;
    const { store, keys, random, onProgress } = options;
    const parent = options.parent?.manifest.public;
    const forkedFrom = options.forkedFrom?.manifest.public;
    if (parent !== undefined && (parent.desktopId !== keys.desktopId || parent.epoch > options.epoch)) {
      throw new Fault('VALUE_OUT_OF_RANGE', { expected: `a parent of desktop ${keys.desktopId}, epoch ${options.epoch} or earlier`, found: `${parent.desktopId}, epoch ${parent.epoch}` });
    }
    if (forkedFrom !== undefined && (parent !== undefined || forkedFrom.desktopId === keys.desktopId)) {
      throw new Fault('VALUE_OUT_OF_RANGE', { expected: 'a fork of another desktop, without a parent', found: parent === undefined ? forkedFrom.desktopId : 'both' });
    }
    this.#framer = new PageFramer({ memory: fullFrameMemory, closed: (frame) => this.#closed.push(frame) });
    for (const region of options.regions) this.addRegion(region);
    const onStored = (lengthBytes: number): void => {
      this.#packsStored += 1;
      this.#bytesUploaded += lengthBytes;
      onProgress?.(this.#progress);
    };
    const packing = { store, keys, origin: this.#origin(), random, onStored };
    this.#packs = options.packer?.(packing) ?? new PackStream(packing);
  }

  /** VALUE_OUT_OF_RANGE when its id is taken or the checkpoint gets too many regions or pages. */
  addRegion(region: Region): void {
    this.#mustBeOpen();
    this.#framer.addRegion(region);
  }

  /**
   * Any number of whole pages of one region, `bytes` holding them in the order of `pages`. A page put before is replaced; pages of
   * zeros become zero pages. `bytes` is the writer's until the promise resolves (it clears what lies beyond the end of the
   * region), and free again after. Waits while too much is in flight. Calls for one region must not overlap.
   */
  async putPages(regionId: number, pages: Uint32Array, bytes: Buffer): Promise<void> {
    this.#mustBeOpen();
    // In steps, so that a large put waits in between instead of filling the memory with its frames.
    const pageBytes = bytes.length / Math.max(1, pages.length);
    for (let first = 0; first === 0 || first < pages.length; first += framePagesMax) {
      const last = Math.min(first + framePagesMax, pages.length);
      this.#framer.put(regionId, pages.subarray(first, last), bytes.subarray(first * pageBytes, last * pageBytes));
      await this.#sealClosed();
    }
  }

  /** These pages are zero from now on. They cost nothing but their entry in the page table. */
  putZero(regionId: number, pages: Uint32Array): void {
    this.#mustBeOpen();
    this.#framer.putZero(regionId, pages);
  }

  /** Goes on from what another thread put into frames, before any page is put here. `places`: of those frames, by number; `finish` waits for them. */
  adopt(framed: FramedPages, places: Promise<readonly FrameLocation[]>): void {
    this.#mustBeOpen();
    this.#framer.adopt(framed);
    this.#adopted = places;
    places.catch(() => undefined); // `finish` throws it.
  }

  /** Seals what is left, writes page table and manifest. All objects are in the store when it resolves. */
  async finish(request: FinishCheckpoint): Promise<FinishedCheckpoint> {
    this.#mustBeOpen();
    return await this.#orFail(async () => {
      this.#framer.close();
      await this.#sealClosed();
      await this.#compressing.settled();
      for (const [number, place] of (await this.#adopted).entries()) this.#places[number] = place;
      const { tables } = this.#framer;
      const table = await writeRoot({ tables, base: this.#base, placeOf: (number) => this.#placeOf(number), packs: this.#packs });
      const stored = await this.#packs.finish();
      const needed = [...new Set([...packsOfRoot(table.root), table.location.packId])].sort();
      const counts = { ...this.#progress, frames: this.#places.length };
      const finished = await this.#writeManifest(request, { packs: this.#listed(needed, stored), root: table.location, counts, regions: tables.map(({ region }) => region) });
      this.#state = 'finished';
      return { ...finished, stats: { ...finished.stats, leavesWritten: table.leavesWritten, leavesShared: table.leavesShared } };
    });
  }

  /** Ends the writer. Nothing is on its way to the store any more when it resolves. */
  async abort(): Promise<void> {
    const reason = new Fault('CANCELLED', { subject: 'checkpoint' });
    if (this.#state === 'open') this.#state = { failure: reason };
    this.#compressing.fail(reason);
    await this.#packs.abort(reason);
    await this.#compressing.settled().catch(() => undefined); // It fails with the reason above.
  }

  async #writeManifest(request: FinishCheckpoint, { packs, root, counts, regions }: { packs: ManifestPack[]; root: TableLocation; counts: CheckpointProgress & { frames: number }; regions: Region[] }): Promise<Omit<FinishedCheckpoint, 'stats'> & { stats: ManifestStats & { manifestBytes: number } }> {
    const { keys, signer, chain, random, clock, store } = this.#options;
    const before = this.#before();
    const commitId = request.commitId ?? newId<CommitId>(random);
    const createdMs = request.createdMs ?? clock.wallMs();
    const content = { ...this.#origin(), sequence: request.sequence, commitId, ...before, chain, createdMs, packs };
    const stats: ManifestStats = { ...request.stats, ...counts };
    const manifest = sealManifest({ public: content, private: { contract: request.contract, regions, root, stats } }, keys, signer.signSecret);
    // Read back before it is believed, as a reader would: a manifest that does not open would be a checkpoint lost.
    const { digest } = openManifest(manifest, keys, signer.signPublic);
    const key = manifestKeyOf(content);
    await store.put(key, manifest);
    return { manifest, digest, key, commitId, stats: { ...stats, manifestBytes: manifest.length } };
  }

  #listed(needed: readonly PackId[], stored: ReadonlyMap<PackId, ManifestPack>): ManifestPack[] {
    const inherited = new Map(this.#base?.manifest.public.packs.map((pack) => [pack.packId, pack]));
    return needed.map((packId) => {
      const pack = stored.get(packId) ?? inherited.get(packId);
      if (pack === undefined) throw new Fault('INTERNAL', { expected: 'a pack of this checkpoint or of the one before', found: packId });
      return pack;
    });
  }

  /** The checkpoint that pages are taken from: the parent, or that of another desktop. */
  get #base(): CheckpointReader | undefined {
    return this.#options.parent ?? this.#options.forkedFrom;
  }

  #before(): Pick<ManifestPublic, 'parent' | 'forkedFrom'> {
    const base = this.#base?.manifest;
    if (base === undefined) return {};
    const { desktopId, epoch, sequence, hostId, commitId } = base.public;
    const reference = { digest: base.digest, epoch, sequence, hostId, commitId };
    return this.#options.parent === undefined ? { forkedFrom: { desktopId, ...reference } } : { parent: reference };
  }

  #origin(): PackOrigin {
    const { keys, keyGeneration, epoch, signer } = this.#options;
    return { desktopId: keys.desktopId, keyGeneration, epoch, hostId: signer.hostId };
  }

  /** Sends closed frames on their way; waits while too many are under way. */
  async #sealClosed(): Promise<void> {
    for (const frame of this.#closed.splice(0)) {
      await this.#orFail(async () => {
        await this.#compressing.start(async () => {
          const place = await this.#packs.append(frame.region.kind, frame.encode());
          this.#places[frame.number] = { ...place, regionId: frame.region.id };
        });
      });
    }
  }

  get #progress(): CheckpointProgress {
    const { pagesWritten, pagesZero } = this.#framer;
    return { pagesWritten, pagesZero, packs: this.#packsStored, bytesUploaded: this.#bytesUploaded };
  }

  #placeOf(number: number): FrameLocation {
    const place = this.#places[number];
    if (place === undefined) throw new Fault('INTERNAL', { expected: `frame ${number} in a pack` });
    return place;
  }

  #mustBeOpen(): void {
    if (this.#state === 'finished') throw new Fault('INTERNAL', { expected: 'a checkpoint that is being written', found: 'a finished one' });
    if (this.#state !== 'open') throw this.#state.failure;
  }

  async #orFail<Result>(action: () => Promise<Result>): Promise<Result> {
    try {
      return await action();
    } catch (error) {
      if (this.#state === 'open') this.#state = { failure: error };
      throw error;
    }
  }
}
