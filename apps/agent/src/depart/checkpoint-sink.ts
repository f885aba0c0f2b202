import type { PageBatch, RamBlock, ZeroBatch } from '@godwit/qemu';
import type { CheckpointWriter, PageDigests, Region } from '@godwit/snapshot';
import { PageFilter } from './page-filter.ts';

/** Where a guest's state goes on this thread. Methods wait while the receiver is busy: that slows its source down, and nothing else. */
export interface StateSink {
  /** `configuration`: that section of QEMU's stream, to be played back as it was. */
  onBlocks(blocks: readonly RamBlock[], configuration: Buffer): void;
  /** The bytes are the sink's until it resolves. */
  onPages(batch: PageBatch): Promise<void>;
  onZeroPages(batch: ZeroBatch): Promise<void>;
  onDevice(blob: Buffer): Promise<void>;
}

/** A guest's state into a checkpoint, on this thread: for one that comes from a saved checkpoint. What QEMU sends takes a thread of its own (capture-thread.ts). */
export class CheckpointSink implements StateSink {
  readonly #writer: CheckpointWriter;
  readonly #filter: PageFilter;

  constructor(writer: CheckpointWriter, digests: PageDigests, parentRegions: readonly Region[]) {
    this.#writer = writer;
    this.#filter = new PageFilter(digests, parentRegions);
  }

  /** RAM pages whose content differs from the parent's. */
  get pagesChanged(): number {
    return this.#filter.pagesChanged;
  }

  onBlocks(blocks: readonly RamBlock[], configuration: Buffer): void {
    for (const region of this.#filter.begin(blocks, configuration)) this.#writer.addRegion(region);
  }

  async onPages(batch: PageBatch): Promise<void> {
    const { regionId, pages, bytes } = this.#filter.changed(batch);
    if (pages.length > 0) await this.#writer.putPages(regionId, pages, bytes);
  }

  onZeroPages(batch: ZeroBatch): Promise<void> {
    const { regionId, pages } = this.#filter.changedToZero(batch);
    this.#writer.putZero(regionId, pages);
    return Promise.resolve();
  }

  async onDevice(blob: Buffer): Promise<void> {
    const { region, pages, bytes } = this.#filter.device(blob);
    this.#writer.addRegion(region);
    await this.#writer.putPages(region.id, pages, bytes);
  }
}
