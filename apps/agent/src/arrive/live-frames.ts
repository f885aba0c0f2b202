import type { CheckpointReader, FrameLocation, LocatedFrame } from '@godwit/snapshot';

/** The pages of one frame that belong to the checkpoint, in the order of their slots. */
export interface LivePages {
  readonly regionId: number;
  readonly pages: Uint32Array;
  readonly bytes: Buffer;
}

/** What was fetched so far, by kind of region. */
export interface Fetched {
  ramBytes: number;
  diskBytes: number;
}

/**
 * Fetches frames for whoever needs a page of them: page faults, disk reads and the background fill. Requests for one frame
 * that come while it is on its way share it.
 */
export class LiveFrames {
  readonly reader: CheckpointReader;
  readonly fetched: Fetched = { ramBytes: 0, diskBytes: 0 };
  readonly #underway = new Map<string, Promise<LivePages>>();

  constructor(reader: CheckpointReader) {
    this.reader = reader;
  }

  get(location: FrameLocation): Promise<LivePages> {
    const name = `${location.packId}/${location.frameIndex}`;
    const known = this.#underway.get(name);
    if (known !== undefined) return known;
    const pages = this.reader.readFrame(location).then((frame) => this.live(frame));
    this.#underway.set(name, pages);
    const forget = (): void => void this.#underway.delete(name);
    pages.then(forget, forget);
    return pages;
  }

  /** The live part of a frame that was read; counts it as fetched. */
  async live(frame: LocatedFrame): Promise<LivePages> {
    const { kind, pageBytes } = this.reader.region(frame.regionId);
    if (kind === 'ram') this.fetched.ramBytes += frame.location.sealedBytes;
    else this.fetched.diskBytes += frame.location.sealedBytes;
    const slots = await this.reader.livePages(frame);
    if (slots.length === frame.pages.length) return { regionId: frame.regionId, pages: frame.pages, bytes: frame.bytes };
    const bytes = Buffer.allocUnsafe(slots.length * pageBytes);
    slots.forEach((slot, index) => frame.bytes.copy(bytes, index * pageBytes, slot * pageBytes, (slot + 1) * pageBytes));
    return { regionId: frame.regionId, pages: Uint32Array.from(slots, (slot) => frame.pages[slot]!), bytes };
  }
}
