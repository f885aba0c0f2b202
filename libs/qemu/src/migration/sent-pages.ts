import { Fault } from '@godwit/base';
import { pageBytes, type RamBlock } from './format.ts';

export interface PageRun {
  readonly blockIndex: number;
  readonly firstPage: number;
  readonly count: number;
}

/**
 * Which pages a resume has sent. After LISTEN a page may be sent only once (the second place fails and the guest is lost), so a page is
 * sent exactly when `take` or `takeRun` gave it out. One bit per page, whatever the size of the guest.
 */
export class SentPages {
  readonly #blocks: readonly { readonly pageCount: number; readonly bits: Uint32Array }[];
  readonly #indexes: ReadonlyMap<string, number>;
  #remainingPages = 0;
  /** Where the background fill goes on: nothing before it is unsent. */
  #nextBlock = 0;
  #nextPage = 0;

  constructor(blocks: readonly RamBlock[]) {
    this.#blocks = blocks.map(({ usedLengthBytes }) => {
      const pageCount = usedLengthBytes / pageBytes;
      return { pageCount, bits: new Uint32Array(Math.ceil(pageCount / 32)) };
    });
    this.#indexes = new Map(blocks.map(({ id }, index) => [id, index]));
    for (const { pageCount } of this.#blocks) this.#remainingPages += pageCount;
  }

  get remainingPages(): number {
    return this.#remainingPages;
  }

  get complete(): boolean {
    return this.#remainingPages === 0;
  }

  /** The index of the block with that id, or MIGRATION_CORRUPT: an incoming QEMU asked for a block that it was not told of. */
  blockIndex(id: string): number {
    const index = this.#indexes.get(id);
    if (index === undefined) throw new Fault('MIGRATION_CORRUPT', { subject: 'return path', expected: 'a RAM block from the list', found: JSON.stringify(id) });
    return index;
  }

  isSent(blockIndex: number, page: number): boolean {
    const { bits } = this.#block(blockIndex, page);
    return ((bits[page >>> 5]! >>> (page & 31)) & 1) === 1;
  }

  /** True, once per page: the caller must send it now. False: it has been sent. */
  take(blockIndex: number, page: number): boolean {
    const { bits } = this.#block(blockIndex, page);
    const mask = (1 << (page & 31)) >>> 0;
    const word = bits[page >>> 5]!;
    if ((word & mask) !== 0) return false;
    bits[page >>> 5] = word | mask;
    this.#remainingPages -= 1;
    return true;
  }

  /** The next unsent pages in order, at most `maxPages` in one run without gaps, which the caller must send now. Undefined when all were sent. */
  takeRun(maxPages: number): PageRun | undefined {
    const run = this.nextRun(maxPages);
    if (run === undefined) return undefined;
    for (let page = run.firstPage; page < run.firstPage + run.count; page += 1) this.take(run.blockIndex, page);
    return run;
  }

  /** What `takeRun` would give, without taking it. A prefetch that has to wait for the store looks here, then takes page by page. */
  nextRun(maxPages: number): PageRun | undefined {
    if (!this.#seekUnsent()) return undefined;
    const { pageCount } = this.#blocks[this.#nextBlock]!;
    const limit = Math.min(pageCount, this.#nextPage + Math.max(1, maxPages));
    let end = this.#nextPage + 1;
    while (end < limit && !this.isSent(this.#nextBlock, end)) end += 1;
    return { blockIndex: this.#nextBlock, firstPage: this.#nextPage, count: end - this.#nextPage };
  }

  #seekUnsent(): boolean {
    for (; this.#nextBlock < this.#blocks.length; this.#nextBlock += 1, this.#nextPage = 0) {
      const { pageCount, bits } = this.#blocks[this.#nextBlock]!;
      while (this.#nextPage < pageCount) {
        const wholeWord = (this.#nextPage & 31) === 0 && bits[this.#nextPage >>> 5] === 0xffff_ffff;
        if (wholeWord) this.#nextPage += 32;
        else if (this.isSent(this.#nextBlock, this.#nextPage)) this.#nextPage += 1;
        else return true;
      }
    }
    return false;
  }

  #block(blockIndex: number, page: number): { readonly pageCount: number; readonly bits: Uint32Array } {
    const block = this.#blocks[blockIndex];
    if (block === undefined || !(page >= 0 && page < block.pageCount)) {
      throw new Fault('MIGRATION_CORRUPT', { expected: 'a page of a RAM block from the list', found: `page ${page} of block ${blockIndex}` });
    }
    return block;
  }
}
