import type { ByteRange } from '@godwit/snapshot';
import type { Block } from './record-layout.ts';

/** Which blocks of one object are there: ascending by offset, none overlapping another. Pure. */
export class BlockIndex {
  readonly #blocks: Block[] = [];

  get count(): number {
    return this.#blocks.length;
  }

  /** Where it overlaps blocks that are there, it takes their place: what was written later is what a damaged one was mended with. */
  add(block: Block): void {
    const first = this.#firstEndingAfter(block.offsetBytes);
    let end = first;
    while (end < this.#blocks.length && this.#blocks[end]!.offsetBytes < endOf(block)) end += 1;
    this.#blocks.splice(first, end - first, block);
  }

  remove(block: Block): void {
    const index = this.#firstEndingAfter(block.offsetBytes);
    if (this.#blocks[index] === block) this.#blocks.splice(index, 1);
  }

  /** The blocks that hold bytes of `range`, ascending. */
  within(range: ByteRange): Block[] {
    const first = this.#firstEndingAfter(range.offsetBytes);
    let end = first;
    while (end < this.#blocks.length && this.#blocks[end]!.offsetBytes < endOf(range)) end += 1;
    return this.#blocks.slice(first, end);
  }

  #firstEndingAfter(offsetBytes: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (endOf(this.#blocks[middle]!) > offsetBytes) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** The parts of `range` that no one of `held`, ascending and not overlapping, has. */
export function gapsIn(range: ByteRange, held: readonly ByteRange[]): ByteRange[] {
  const gaps: ByteRange[] = [];
  let at = range.offsetBytes;
  const until = (offsetBytes: number): void => {
    if (offsetBytes > at) gaps.push({ offsetBytes: at, lengthBytes: offsetBytes - at });
  };
  for (const each of held) {
    until(Math.min(each.offsetBytes, endOf(range)));
    at = Math.max(at, endOf(each));
  }
  until(endOf(range));
  return gaps;
}

/** The smallest range with all of `ranges` in it, ascending; undefined of none. */
export function hullOf(ranges: readonly ByteRange[]): ByteRange | undefined {
  const [first, last] = [ranges[0], ranges.at(-1)];
  return first === undefined || last === undefined ? undefined : { offsetBytes: first.offsetBytes, lengthBytes: endOf(last) - first.offsetBytes };
}

function endOf({ offsetBytes, lengthBytes }: ByteRange): number {
  return offsetBytes + lengthBytes;
}
