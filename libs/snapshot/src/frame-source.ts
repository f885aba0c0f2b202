import { Fault, type PackId } from '@godwit/base';
import type { Secret } from '@godwit/crypto';
import { keysOfPack, type DesktopKeys } from './keys.ts';
import { coalesceGapBytes } from './limits.ts';
import { packKeyOf, type ManifestPack } from './manifest.ts';
import { encodePackContext, openFrame, type FrameKind } from './pack-format.ts';
import type { TableLocation } from './root.ts';
import type { ByteRange, ObjectStore } from './store/object-store.ts';

/** One request: a range of a pack and the frames that lie in it, ascending by offset. */
export interface ReadPlan<Location extends TableLocation> {
  readonly packId: PackId;
  readonly range: ByteRange;
  readonly frames: readonly Location[];
}

/**
 * Groups frames that lie close together in a pack into one request each of at most `coalesceBytes` (a single frame may be
 * larger). Each frame comes once, packs in the order in which they are first named. Pure.
 */
export function planReads<Location extends TableLocation>(locations: Iterable<Location>, coalesceBytes: number): ReadPlan<Location>[] {
  const packs = new Map<PackId, Map<number, Location>>();
  for (const location of locations) {
    const frames = packs.get(location.packId) ?? new Map<number, Location>();
    packs.set(location.packId, frames.set(location.frameIndex, location));
  }
  const plans: ReadPlan<Location>[] = [];
  for (const [packId, byIndex] of packs) {
    let group: Location[] = [];
    const close = (): void => {
      const [first, last] = [group[0], group.at(-1)];
      if (first !== undefined && last !== undefined) plans.push({ packId, range: { offsetBytes: first.offsetBytes, lengthBytes: endOf(last) - first.offsetBytes }, frames: group });
      group = [];
    };
    for (const frame of [...byIndex.values()].sort((a, b) => a.offsetBytes - b.offsetBytes)) {
      const [first, last] = [group[0], group.at(-1)];
      // An overlap is a contradiction in the table; frames that overlap are read apart, and then they do not open.
      const apart = first !== undefined && last !== undefined && (frame.offsetBytes < endOf(last) || frame.offsetBytes - endOf(last) > coalesceGapBytes || endOf(frame) - first.offsetBytes > coalesceBytes);
      if (apart) close();
      group.push(frame);
    }
    close();
  }
  return plans;
}

function endOf(location: TableLocation): number {
  return location.offsetBytes + location.sealedBytes;
}

/** Fetches and opens frames of the packs that one manifest lists. The pack's header is not fetched: the manifest says what it must be. */
export class FrameSource {
  readonly #store: ObjectStore;
  readonly #keys: DesktopKeys;
  readonly #packs: ReadonlyMap<PackId, ManifestPack>;
  readonly #opened = new Map<PackId, { readonly contextBytes: Buffer; readonly key: Secret }>();

  constructor(store: ObjectStore, keys: DesktopKeys, packs: readonly ManifestPack[]) {
    this.#store = store;
    this.#keys = keys;
    this.#packs = new Map(packs.map((pack) => [pack.packId, pack]));
  }

  /** The plaintext of one frame. DATA_MISSING, FRAME_CORRUPT, TABLE_CORRUPT, or a fault of the store. */
  async read(location: TableLocation, kind: FrameKind): Promise<Buffer> {
    const sealed = await this.#fetch(location.packId, location);
    return await this.#open(location, kind, sealed);
  }

  /** The plaintexts of the frames of one plan, in its order. */
  async readPlan<Location extends TableLocation>(plan: ReadPlan<Location>, kindOf: (location: Location) => FrameKind): Promise<{ location: Location; plain: Buffer }[]> {
    const bytes = await this.#fetch(plan.packId, { offsetBytes: plan.range.offsetBytes, sealedBytes: plan.range.lengthBytes });
    return await Promise.all(
      plan.frames.map(async (location) => {
        const start = location.offsetBytes - plan.range.offsetBytes;
        return { location, plain: await this.#open(location, kindOf(location), bytes.subarray(start, start + location.sealedBytes)) };
      }),
    );
  }

  async #fetch(packId: PackId, { offsetBytes, sealedBytes }: { readonly offsetBytes: number; readonly sealedBytes: number }): Promise<Buffer> {
    const pack = this.#packOf(packId);
    if (offsetBytes + sealedBytes > pack.lengthBytes) throw new Fault('TABLE_CORRUPT', { subject: packId, expected: `a place below byte ${pack.lengthBytes}`, found: `${offsetBytes + sealedBytes}` });
    const key = packKeyOf(pack);
    try {
      return await this.#store.get(key, { offsetBytes, lengthBytes: sealedBytes });
    } catch (error) {
      if (error instanceof Fault && error.code === 'OBJECT_MISSING') throw new Fault('DATA_MISSING', { subject: key, cause: error });
      throw error;
    }
  }

  async #open(location: TableLocation, kind: FrameKind, sealed: Buffer): Promise<Buffer> {
    let opened = this.#opened.get(location.packId);
    if (opened === undefined) {
      const pack = this.#packOf(location.packId);
      const contextBytes = encodePackContext(pack);
      opened = { contextBytes, key: keysOfPack(this.#keys, pack, contextBytes).seal };
      this.#opened.set(location.packId, opened);
    }
    const { key, contextBytes } = opened;
    try {
      return await openFrame(key, contextBytes, location, kind, sealed);
    } catch (error) {
      return await openFrame(key, contextBytes, location, kind, await this.#afresh(location, error));
    }
  }

  /** What does not open may be a copy that was damaged, or was taken of bytes that have been mended since: the original is asked. Rethrows where that would say nothing new. */
  async #afresh({ packId, offsetBytes, sealedBytes }: TableLocation, error: unknown): Promise<Buffer> {
    if (!(error instanceof Fault) || error.code !== 'FRAME_CORRUPT' || this.#store.getAfresh === undefined) throw error;
    return await this.#store.getAfresh(packKeyOf(this.#packOf(packId)), { offsetBytes, lengthBytes: sealedBytes });
  }

  #packOf(packId: PackId): ManifestPack {
    const pack = this.#packs.get(packId);
    if (pack === undefined) throw new Fault('TABLE_CORRUPT', { expected: 'a pack of the manifest', found: packId });
    return pack;
  }
}
