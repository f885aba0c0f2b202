import { Fault } from '@godwit/base';
import { locatePage, type FrameLocation, type Leaf } from './leaf.ts';
import { leafPages } from './limits.ts';
import { leafPageCount, pageCountOf, type Region } from './region.ts';

/** Marks of a page in a touched leaf; a number from 2 is 2 + the number of one of the writer's frames. */
const inherited = 0;
const zeroed = 1;
const firstFrame = 2;

interface TouchedLeaf {
  readonly marks: Uint32Array;
  readonly slots: Uint8Array;
}

/** The leaves of one region that were touched, by index: a form that crosses threads. */
export type TouchedLeaves = ReadonlyMap<number, TouchedLeaf>;

/** What a checkpoint says about the pages of one region, until its frames have found their places. 5 bytes per page of touched leaves. */
export class PageTableBuilder {
  readonly region: Region;
  readonly #pageCount: number;
  readonly #leaves: Map<number, TouchedLeaf>;

  /** `touched`: by another builder, whose frame numbers go on to count here. */
  constructor(region: Region, touched: TouchedLeaves = new Map()) {
    this.region = region;
    this.#pageCount = pageCountOf(region);
    this.#leaves = new Map(touched);
  }

  get touched(): TouchedLeaves {
    return this.#leaves;
  }

  /** Ascending. */
  get touchedLeaves(): number[] {
    return [...this.#leaves.keys()].sort((a, b) => a - b);
  }

  /** `page` lies in `slot` of the writer's frame `frameNumber` from now on, wherever it lay before. */
  setFrame(page: number, frameNumber: number, slot: number): void {
    this.#set(page, firstFrame + frameNumber, slot);
  }

  setZero(page: number): void {
    this.#set(page, zeroed, 0);
  }

  /** The slot of `page` if it lies in frame `frameNumber`. */
  slotIn(frameNumber: number, page: number): number | undefined {
    const leaf = this.#leaves.get(Math.floor(page / leafPages));
    const at = page % leafPages;
    return leaf?.marks[at] === firstFrame + frameNumber ? leaf.slots[at] : undefined;
  }

  /**
   * The finished leaf: what was set, and the rest as in `parent` (zero without one). `placeOf` gives a frame's location.
   * Undefined when all its pages are zero.
   */
  merge(leafIndex: number, parent: Leaf | undefined, placeOf: (frameNumber: number) => FrameLocation): Leaf | undefined {
    const touched = this.#leaves.get(leafIndex);
    if (touched === undefined) throw new Fault('INTERNAL', { expected: 'a leaf that was touched', found: `${leafIndex}` });
    const count = touched.marks.length;
    const references = new Uint16Array(count);
    const slots = new Uint8Array(count);
    const frames: FrameLocation[] = [];
    const seen = new Map<string, number>();
    const refer = (at: number, frame: FrameLocation, slot: number): void => {
      const name = `${frame.packId}/${frame.frameIndex}`;
      let reference = seen.get(name);
      if (reference === undefined) {
        reference = frames.push(frame);
        seen.set(name, reference);
      }
      references[at] = reference;
      slots[at] = slot;
    };
    for (let at = 0; at < count; at += 1) {
      const mark = touched.marks[at] ?? inherited;
      if (mark >= firstFrame) refer(at, placeOf(mark - firstFrame), touched.slots[at] ?? 0);
      else if (mark === inherited && parent !== undefined) {
        const place = locatePage(parent, leafIndex * leafPages + at);
        if (place !== undefined) refer(at, place.frame, place.slot);
      }
    }
    return frames.length === 0 ? undefined : { regionId: this.region.id, leafIndex, frames, references, slots };
  }

  #set(page: number, mark: number, slot: number): void {
    if (!(page < this.#pageCount)) throw new Fault('VALUE_OUT_OF_RANGE', { subject: `region ${this.region.id}`, expected: `a page below ${this.#pageCount}`, found: `${page}` });
    const leafIndex = Math.floor(page / leafPages);
    let leaf = this.#leaves.get(leafIndex);
    if (leaf === undefined) {
      const count = leafPageCount(this.region, leafIndex);
      leaf = { marks: new Uint32Array(count), slots: new Uint8Array(count) };
      this.#leaves.set(leafIndex, leaf);
    }
    leaf.marks[page % leafPages] = mark;
    leaf.slots[page % leafPages] = slot;
  }
}
