import type { CheckpointReader, FrameLocation, LocatedFrame, ReadPlan } from '@godwit/snapshot';
import type { Pace } from './line.ts';

/** The pages of one frame that belong to the checkpoint, in the order of their slots. */
export interface LivePages {
  readonly location: FrameLocation;
  readonly regionId: number;
  readonly pages: Uint32Array;
  readonly bytes: Buffer;
}

/** What was fetched so far, by kind of region. */
export interface Fetched {
  ramBytes: number;
  diskBytes: number;
}

/** Frames of so many in a row are planned together: more would put them in the order of the packs rather than in that in which they are needed. */
const windowFrames = 16;

/**
 * Fetches frames for whoever needs a page of them: page faults, disk reads, the burst and the background fill. Requests for one frame
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
    return this.#underway.get(frameName(location)) ?? this.#share(location, this.reader.readFrame(location).then((frame) => this.#live(frame)));
  }

  /**
   * Those of `locations` that are still wanted when their turn comes, roughly in their order, in few requests; `pace` is asked anew before each: one frame may be
   * larger than what a request should ask for, so their bytes count and not their number alone. A consumer that waits holds back the requests.
   */
  async *bring(locations: AsyncIterable<FrameLocation> | Iterable<FrameLocation>, pace: () => Pace, isWanted: (location: FrameLocation) => boolean): AsyncGenerator<LivePages> {
    const plans = this.#plans(locations, pace);
    const underway: { readonly lengthBytes: number; readonly reading: Promise<LivePages[]> }[] = [];
    const hasRoom = ({ inFlight, lineBytes }: Pace): boolean => underway.length === 0 || (underway.length < inFlight && underway.slice(1).reduce((sum, { lengthBytes }) => sum + lengthBytes, 0) < lineBytes);
    for (let ended = false; ; ) {
      while (!ended && hasRoom(pace())) {
        const plan = await plans.next();
        if (plan.done === true) ended = true;
        else underway.push({ lengthBytes: plan.value.range.lengthBytes, reading: this.#read(plan.value, isWanted) });
      }
      const first = underway.shift();
      if (first === undefined) return;
      yield* await first.reading;
    }
  }

  async *#plans(locations: AsyncIterable<FrameLocation> | Iterable<FrameLocation>, pace: () => Pace): AsyncGenerator<ReadPlan<FrameLocation>> {
    let window: FrameLocation[] = [];
    for await (const location of locations) {
      window.push(location);
      if (window.length < windowFrames) continue;
      yield* this.reader.planFrames(window, pace().coalesceBytes);
      window = [];
    }
    yield* this.reader.planFrames(window, pace().coalesceBytes);
  }

  #read(plan: ReadPlan<FrameLocation>, isWanted: (location: FrameLocation) => boolean): Promise<LivePages[]> {
    const wanted = plan.frames.filter(isWanted);
    const whole = wanted.length === plan.frames.length && !wanted.some((location) => this.#underway.has(frameName(location)));
    // Somebody was faster with one of them: what is left is not one range any more.
    const reading = whole ? this.#readPlan(plan) : Promise.all(wanted.map((location) => this.get(location)));
    reading.catch(() => undefined); // Thrown when its turn comes.
    return reading;
  }

  #readPlan(plan: ReadPlan<FrameLocation>): Promise<LivePages[]> {
    const reading = this.reader.readPlan(plan).then((frames) => Promise.all(frames.map((frame) => this.#live(frame))));
    for (const [index, location] of plan.frames.entries()) void this.#share(location, reading.then((all) => all[index]!));
    return reading;
  }

  #share(location: FrameLocation, pages: Promise<LivePages>): Promise<LivePages> {
    const name = frameName(location);
    this.#underway.set(name, pages);
    const forget = (): void => void this.#underway.delete(name);
    pages.then(forget, forget);
    return pages;
  }

  /** The live part of a frame that was read; counts it as fetched. */
  async #live(frame: LocatedFrame): Promise<LivePages> {
    const { location, regionId } = frame;
    const { kind, pageBytes } = this.reader.region(regionId);
    if (kind === 'ram') this.fetched.ramBytes += location.sealedBytes;
    else this.fetched.diskBytes += location.sealedBytes;
    const slots = await this.reader.livePages(frame);
    if (slots.length === frame.pages.length) return { location, regionId, pages: frame.pages, bytes: frame.bytes };
    const bytes = Buffer.allocUnsafe(slots.length * pageBytes);
    slots.forEach((slot, index) => frame.bytes.copy(bytes, index * pageBytes, slot * pageBytes, (slot + 1) * pageBytes));
    return { location, regionId, pages: Uint32Array.from(slots, (slot) => frame.pages[slot]!), bytes };
  }
}

export function frameName({ packId, frameIndex }: FrameLocation): string {
  return `${packId}/${frameIndex}`;
}
