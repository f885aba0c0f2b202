import type { PageBatch, RamBlock, ZeroBatch } from '@godwit/qemu';
import type { CheckpointWriter, PageDigests, Region } from '@godwit/snapshot';
import { encodeDeviceState, ramRegions } from '../machine/state-region.ts';
import type { StateSink } from './receive-state.ts';

/**
 * QEMU's stream into a checkpoint: pages that are as in the parent are dropped before they cost anything, the others go to the
 * writer. `digests` is this departure's own copy: it runs ahead of what is committed.
 */
export class CheckpointSink implements StateSink {
  readonly #writer: CheckpointWriter;
  readonly #digests: PageDigests;
  readonly #parentRegions: readonly Region[];
  #regions: readonly Region[] = [];
  #configuration: Buffer = Buffer.alloc(0);
  readonly #changed = new Map<number, Set<number>>();

  constructor(writer: CheckpointWriter, digests: PageDigests, parentRegions: readonly Region[]) {
    this.#writer = writer;
    this.#digests = digests;
    this.#parentRegions = parentRegions;
  }

  /** RAM pages whose content differs from the parent's, each counted once however often it was sent. */
  get pagesChanged(): number {
    let count = 0;
    for (const pages of this.#changed.values()) count += pages.size;
    return count;
  }

  onBlocks(blocks: readonly RamBlock[], configuration: Buffer): void {
    this.#configuration = configuration;
    this.#regions = ramRegions(blocks, this.#parentRegions);
    for (const region of this.#regions) {
      this.#writer.addRegion(region);
      this.#digests.addRegion(region);
    }
  }

  async onPages({ blockIndex, pages, bytes }: PageBatch): Promise<void> {
    const { id } = this.#regions[blockIndex]!;
    const changed = this.#digests.changed(id, pages, bytes);
    if (changed.pages.length === 0) return;
    this.#count(id, changed.pages);
    await this.#writer.putPages(id, changed.pages, changed.bytes);
  }

  onZeroPages({ blockIndex, pages }: ZeroBatch): Promise<void> {
    const { id } = this.#regions[blockIndex]!;
    const changed = this.#digests.changedToZero(id, pages);
    if (changed.length === 0) return Promise.resolve();
    // Without a parent every page is zero already.
    if (this.#parentRegions.length > 0) this.#count(id, changed);
    this.#writer.putZero(id, changed);
    return Promise.resolve();
  }

  async onDevice(blob: Buffer): Promise<void> {
    const { region, pages, bytes } = encodeDeviceState({ configuration: this.#configuration, blob });
    this.#writer.addRegion(region);
    await this.#writer.putPages(region.id, pages, bytes);
  }

  #count(regionId: number, pages: Uint32Array): void {
    const seen = this.#changed.get(regionId) ?? new Set<number>();
    for (const page of pages) seen.add(page);
    this.#changed.set(regionId, seen);
  }
}
