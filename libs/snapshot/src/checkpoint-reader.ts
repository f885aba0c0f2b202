import { Fault } from '@godwit/base';
import { FrameSource, planReads, type ReadPlan } from './frame-source.ts';
import { inOrder } from './in-flight.ts';
import type { DesktopKeys } from './keys.ts';
import { decodeLeaf, locatePage, packsOf, zeroLeaf, type FrameLocation, type Leaf } from './leaf.ts';
import { LeafCache } from './leaf-cache.ts';
import { coalesceBytesDefault, leafPages, readRegionBytesMax, readsInFlightMax } from './limits.ts';
import { manifestKeyOf } from './manifest.ts';
import { openManifest, type Manifest } from './manifest-sealed.ts';
import { decodePageFrame, pageOf, type Frame } from './page-frame.ts';
import { leafCountOf, type Region } from './region.ts';
import { decodeRoot, packsOfRoot, type Root, type RootLeaf } from './root.ts';
import type { ObjectStore } from './store/object-store.ts';

export interface OpenCheckpoint {
  readonly store: ObjectStore;
  readonly keys: DesktopKeys;
  readonly manifest: Buffer;
  /** The writer's Ed25519 key, as the device chain has it. */
  readonly signerPublic: Buffer;
  /** The name that the manifest was asked for by: a store may answer with another, validly signed one. */
  readonly key?: string;
}

/** A frame as it was read, with the place it came from. */
export interface LocatedFrame extends Frame {
  readonly location: FrameLocation;
}

export interface ReadFramesOptions {
  /** The most that one request asks for; 2 MiB unless told. */
  readonly coalesceBytes?: number;
  /** Requests under way at once; 4 unless told. */
  readonly inFlight?: number;
}

/**
 * One checkpoint, read as it is needed. Everything that comes out was authenticated: the manifest by its signature, all else
 * by its seal and its place. Faults of every read: DATA_MISSING, FRAME_CORRUPT, TABLE_CORRUPT, OBJECT_SHORT, STORE_*.
 */
export class CheckpointReader {
  readonly manifest: Manifest;
  readonly root: Root;
  readonly #regions: ReadonlyMap<number, Region>;
  readonly #leaves: ReadonlyMap<number, readonly (RootLeaf | undefined)[]>;
  readonly #source: FrameSource;
  readonly #cache = new LeafCache();

  private constructor(manifest: Manifest, root: Root, source: FrameSource) {
    this.manifest = manifest;
    this.root = root;
    this.#source = source;
    this.#regions = new Map(manifest.private.regions.map((region) => [region.id, region]));
    this.#leaves = new Map(root.regions.map(({ regionId, leaves }) => [regionId, leaves]));
  }

  /** Verifies and opens the manifest, then fetches the root: one request. Faults of `openManifest` and of a read. */
  static async open({ store, keys, manifest: bytes, signerPublic, key }: OpenCheckpoint): Promise<CheckpointReader> {
    const manifest = openManifest(bytes, keys, signerPublic);
    const name = manifestKeyOf(manifest.public);
    if (key !== undefined && key !== name) throw new Fault('MANIFEST_INVALID', { subject: key, expected: 'the manifest of that name', found: name });
    const source = new FrameSource(store, keys, manifest.public.packs);
    const { root: place, regions } = manifest.private;
    const root = decodeRoot(await source.read(place, 'root'), regions);
    const needed = new Set([...packsOfRoot(root), place.packId]);
    const listed = manifest.public.packs;
    if (needed.size !== listed.length || !listed.every((pack) => needed.has(pack.packId))) {
      throw new Fault('TABLE_CORRUPT', { expected: `the ${listed.length} packs of the manifest`, found: `${needed.size} packs in the root` });
    }
    return new CheckpointReader(manifest, root, source);
  }

  get regions(): readonly Region[] {
    return this.manifest.private.regions;
  }

  get contract(): Buffer {
    return this.manifest.private.contract;
  }

  /** VALUE_OUT_OF_RANGE when the checkpoint has no such region. */
  region(regionId: number): Region {
    const region = this.#regions.get(regionId);
    if (region === undefined) throw new Fault('VALUE_OUT_OF_RANGE', { expected: 'a region of the checkpoint', found: `region ${regionId}` });
    return region;
  }

  /** The leaf with pages `leafIndex * 1024` and on; from the cache if it is there. Calls for one leaf share one request. */
  async leaf(regionId: number, leafIndex: number): Promise<Leaf> {
    const region = this.region(regionId);
    const entry = this.#rootLeaf(region, leafIndex);
    if (entry === undefined) return zeroLeaf(region, leafIndex);
    return await this.#cache.get(regionId, leafIndex, async () => checkedLeaf(await this.#source.read(entry.location, 'leaf'), region, leafIndex, entry));
  }

  /** Brings leaves into the cache with few requests: those of `leafIndices`, of the whole region, or of all regions. */
  async loadLeaves(regionId?: number, leafIndices?: Iterable<number>): Promise<void> {
    const regions = regionId === undefined ? this.regions : [this.region(regionId)];
    const wanted = regions.flatMap((region) =>
      [...(leafIndices ?? Array(leafCountOf(region)).keys())]
        .filter((leafIndex) => !this.#cache.has(region.id, leafIndex))
        .flatMap((leafIndex) => {
          const entry = this.#rootLeaf(region, leafIndex);
          return entry === undefined ? [] : [{ ...entry.location, region, leafIndex, entry }];
        }),
    );
    const tasks = planReads(wanted, coalesceBytesDefault).map((plan) => async () => await this.#source.readPlan(plan, () => 'leaf'));
    for await (const read of inOrder(tasks, readsInFlightMax)) {
      for (const { location, plain } of read) {
        this.#cache.put(location.region.id, location.leafIndex, checkedLeaf(plain, location.region, location.leafIndex, location.entry));
      }
    }
  }

  async readFrame(location: FrameLocation): Promise<LocatedFrame> {
    const region = this.region(location.regionId);
    return { ...decodePageFrame(await this.#source.read(location, region.kind), region), location };
  }

  /** Each of `locations` once, grouped into few requests, packs in the order in which they are first named. */
  async *readFrames(locations: Iterable<FrameLocation>, options: ReadFramesOptions = {}): AsyncGenerator<LocatedFrame> {
    const tasks = this.planFrames(locations, options.coalesceBytes).map((plan) => async () => await this.readPlan(plan));
    for await (const frames of inOrder(tasks, options.inFlight ?? readsInFlightMax)) yield* frames;
  }

  /** Each of `locations` once, grouped into requests of at most `coalesceBytes`, packs in the order in which they are first named. */
  planFrames(locations: Iterable<FrameLocation>, coalesceBytes: number = coalesceBytesDefault): ReadPlan<FrameLocation>[] {
    return planReads(locations, coalesceBytes);
  }

  /** The frames of one plan, in its order: one request. */
  async readPlan(plan: ReadPlan<FrameLocation>): Promise<LocatedFrame[]> {
    const read = await this.#source.readPlan(plan, (location) => this.region(location.regionId).kind);
    return read.map(({ location, plain }) => ({ ...decodePageFrame(plain, this.region(location.regionId)), location }));
  }

  /**
   * The slots of `frame` whose pages are this checkpoint's: the others were written over since. Loads the leaves it has to ask. A table
   * that lies about a page never brings a wrong page here, but that page then comes from no frame: who must have all counts them.
   */
  async livePages(frame: LocatedFrame): Promise<number[]> {
    const live: number[] = [];
    let leaf: Leaf | undefined;
    for (const [slot, page] of frame.pages.entries()) {
      const leafIndex = Math.floor(page / leafPages);
      // Neighbours share a leaf: one wait per leaf, not per page.
      if (leaf?.leafIndex !== leafIndex) leaf = await this.leaf(frame.regionId, leafIndex);
      const place = locatePage(leaf, page);
      if (place?.slot === slot && place.frame.packId === frame.location.packId && place.frame.frameIndex === frame.location.frameIndex) live.push(slot);
    }
    return live;
  }

  /** The page's bytes, undefined for a zero page. Fetches its frame anew each time: for tests and single pages. */
  async readPage(regionId: number, page: number): Promise<Buffer | undefined> {
    const place = locatePage(await this.leaf(regionId, Math.floor(page / leafPages)), page);
    if (place === undefined) return undefined;
    return livePage(await this.readFrame(place.frame), page, place.slot);
  }

  /** All bytes of a region of at most 64 MiB, for the device blob and firmware. */
  async readRegion(regionId: number): Promise<Buffer> {
    const region = this.region(regionId);
    if (region.lengthBytes > readRegionBytesMax) throw new Fault('VALUE_OUT_OF_RANGE', { subject: region.name, expected: `a region of at most ${readRegionBytesMax} bytes`, found: `${region.lengthBytes}` });
    await this.loadLeaves(regionId);
    const leaves = await Promise.all(Array.from({ length: leafCountOf(region) }, async (_, leafIndex) => await this.leaf(regionId, leafIndex)));
    const bytes = Buffer.alloc(region.lengthBytes);
    let found = 0;
    for await (const frame of this.readFrames(leaves.flatMap((leaf) => leaf.frames))) {
      for (const slot of await this.livePages(frame)) {
        pageOf(frame, slot).copy(bytes, frame.pages[slot]! * region.pageBytes);
        found += 1;
      }
    }
    const expected = leaves.reduce((sum, leaf) => sum + leaf.references.reduce((count, reference) => count + Math.min(reference, 1), 0), 0);
    if (found !== expected) throw new Fault('TABLE_CORRUPT', { subject: region.name, expected: `${expected} pages in their frames`, found: `${found}` });
    return bytes;
  }

  #rootLeaf(region: Region, leafIndex: number): RootLeaf | undefined {
    const count = leafCountOf(region);
    if (!Number.isInteger(leafIndex) || leafIndex < 0 || leafIndex >= count) throw new Fault('VALUE_OUT_OF_RANGE', { subject: region.name, expected: `a leaf below ${count}`, found: `${leafIndex}` });
    return this.#leaves.get(region.id)?.[leafIndex];
  }
}

/** The page that the table says lies in `slot` of `frame`; TABLE_CORRUPT when another one is there. */
export function livePage(frame: Frame, page: number, slot: number): Buffer {
  if (frame.pages[slot] !== page) throw new Fault('TABLE_CORRUPT', { subject: `region ${frame.regionId}`, expected: `page ${page} in slot ${slot}`, found: `page ${frame.pages[slot]}` });
  return pageOf(frame, slot);
}

function checkedLeaf(plain: Buffer, region: Region, leafIndex: number, entry: RootLeaf): Leaf {
  const leaf = decodeLeaf(plain, region, leafIndex);
  const packIds = packsOf(leaf).sort();
  if (packIds.length !== entry.packIds.length || !packIds.every((packId, index) => packId === entry.packIds[index])) {
    throw new Fault('TABLE_CORRUPT', { subject: `leaf ${leafIndex} of region ${region.id}`, expected: 'the packs that the root says', found: `${packIds.length} packs` });
  }
  return leaf;
}
