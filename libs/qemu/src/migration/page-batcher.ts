import { pageBytes, type PageBatch, type ZeroBatch } from './format.ts';

export interface PageSink {
  /** The batch and its memory belong to the receiver from now on. */
  onPages(batch: PageBatch): void;
  /** The batch and its memory belong to the receiver from now on. */
  onZeroPages(batch: ZeroBatch): void;
}

const noPages = new Uint32Array(0);
const noBytes = Buffer.alloc(0);

/**
 * Collects single pages into batches, with one allocation per batch. A batch that is closed while less than half full is copied to its
 * size, so that a stream of tiny sections cannot make the receiver hold more than twice what it carries.
 *
 * One data batch and one zero batch are open at a time. As long as page numbers of one block ascend, no page can be in both, so
 * their order among each other is free; a step backwards (QEMU's next round over dirty pages) or another block closes both first.
 * Hence: pages in a batch ascend strictly, and the receiver that applies batches in order gets the last state of every page.
 */
export class PageBatcher {
  readonly #sink: PageSink;
  readonly #batchPages: number;
  readonly #zeroBatchPages: number;
  #blockIndex = -1;
  #lastPage = -1;
  #pages: Uint32Array = noPages;
  #bytes = noBytes;
  #count = 0;
  #zeros: Uint32Array = noPages;
  #zeroCount = 0;

  constructor(sink: PageSink, batchPages: number, zeroBatchPages: number) {
    this.#sink = sink;
    this.#batchPages = batchPages;
    this.#zeroBatchPages = zeroBatchPages;
  }

  /** Opens room for one page and returns where its 4096 bytes go: `bytes` from `offset`. They must be there before the next call. */
  openPage(blockIndex: number, page: number): number {
    if (this.#count === this.#batchPages) this.#flushPages();
    this.#advance(blockIndex, page);
    if (this.#pages.length === 0) {
      this.#pages = new Uint32Array(this.#batchPages);
      this.#bytes = Buffer.allocUnsafeSlow(this.#batchPages * pageBytes);
    }
    this.#pages[this.#count] = page;
    this.#count += 1;
    return (this.#count - 1) * pageBytes;
  }

  /** The memory of the open data batch. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  addZeroPage(blockIndex: number, page: number): void {
    if (this.#zeroCount === this.#zeroBatchPages) this.#flushZeros();
    this.#advance(blockIndex, page);
    if (this.#zeros.length === 0) this.#zeros = new Uint32Array(this.#zeroBatchPages);
    this.#zeros[this.#zeroCount] = page;
    this.#zeroCount += 1;
  }

  flush(): void {
    this.#flushPages();
    this.#flushZeros();
    this.#lastPage = -1;
  }

  #advance(blockIndex: number, page: number): void {
    if (blockIndex !== this.#blockIndex || page <= this.#lastPage) {
      this.flush();
      this.#blockIndex = blockIndex;
    }
    this.#lastPage = page;
  }

  #flushPages(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    const pages = this.#pages.subarray(0, count);
    const bytes = this.#bytes.subarray(0, count * pageBytes);
    if (count * 2 < this.#batchPages) {
      const exact = Buffer.allocUnsafeSlow(bytes.length);
      bytes.copy(exact);
      this.#sink.onPages({ blockIndex: this.#blockIndex, count, pages: pages.slice(), bytes: exact });
      return;
    }
    this.#pages = noPages;
    this.#bytes = noBytes;
    this.#sink.onPages({ blockIndex: this.#blockIndex, count, pages, bytes });
  }

  #flushZeros(): void {
    const count = this.#zeroCount;
    if (count === 0) return;
    this.#zeroCount = 0;
    const pages = this.#zeros.subarray(0, count);
    if (count * 2 < this.#zeroBatchPages) {
      this.#sink.onZeroPages({ blockIndex: this.#blockIndex, count, pages: pages.slice() });
      return;
    }
    this.#zeros = noPages;
    this.#sink.onZeroPages({ blockIndex: this.#blockIndex, count, pages });
  }
}
