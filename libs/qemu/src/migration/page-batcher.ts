import { pageBytes, type PageBatch, type ZeroBatch } from './format.ts';

export interface PageSink {
  /** The batch and its memory are the receiver's until it returns; then they are used again. */
  onPages(batch: PageBatch): void;
  /** The batch and its memory are the receiver's until it returns; then they are used again. */
  onZeroPages(batch: ZeroBatch): void;
}

/**
 * Collects single pages into batches, all in the same memory: nothing is allocated per page.
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
  readonly #pages: Uint32Array;
  readonly #bytes: Buffer;
  #count = 0;
  readonly #zeros: Uint32Array;
  #zeroCount = 0;

  constructor(sink: PageSink, batchPages: number, zeroBatchPages: number) {
    this.#sink = sink;
    this.#batchPages = batchPages;
    this.#zeroBatchPages = zeroBatchPages;
    this.#pages = new Uint32Array(batchPages);
    this.#bytes = Buffer.allocUnsafeSlow(batchPages * pageBytes);
    this.#zeros = new Uint32Array(zeroBatchPages);
  }

  /** Opens room for one page and returns where its 4096 bytes go: `bytes` from `offset`. They must be there before the next call. */
  openPage(blockIndex: number, page: number): number {
    if (this.#count === this.#batchPages) this.#flushPages();
    this.#advance(blockIndex, page);
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
    this.#sink.onPages({ blockIndex: this.#blockIndex, count, pages: this.#pages.subarray(0, count), bytes: this.#bytes.subarray(0, count * pageBytes) });
  }

  #flushZeros(): void {
    const count = this.#zeroCount;
    if (count === 0) return;
    this.#zeroCount = 0;
    this.#sink.onZeroPages({ blockIndex: this.#blockIndex, count, pages: this.#zeros.subarray(0, count) });
  }
}
