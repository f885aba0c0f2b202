import type { PageBatch, RamBlock, ZeroBatch } from '@godwit/qemu';
import { pageCountOf, type PageDigests, type Region } from '@godwit/snapshot';
import { encodeDeviceState, ramRegions } from '../machine/state-region.ts';

/** Pages of one region that a checkpoint has to hold. `bytes`: of the batch that they came in. */
export interface RegionPages {
  readonly regionId: number;
  readonly pages: Uint32Array;
  readonly bytes: Buffer;
}

/**
 * What of a guest's state differs from the checkpoint before: pages that are as they were are dropped here, before they cost anything.
 * `digests` is this capture's own copy: it runs ahead of what is committed.
 */
export class PageFilter {
  readonly #digests: PageDigests;
  readonly #parentRegions: readonly Region[];
  #regions: readonly Region[] = [];
  #configuration: Buffer = Buffer.alloc(0);
  /** Per region one bit per page that changed. */
  readonly #changed = new Map<number, Uint8Array>();
  #pagesChanged = 0;

  constructor(digests: PageDigests, parentRegions: readonly Region[]) {
    this.#digests = digests;
    this.#parentRegions = parentRegions;
  }

  /** RAM pages whose content differs from the parent's, each counted once however often it was sent. */
  get pagesChanged(): number {
    return this.#pagesChanged;
  }

  /** The regions of the guest's memory. `configuration`: that section of QEMU's stream, to be played back as it was. */
  begin(blocks: readonly RamBlock[], configuration: Buffer): readonly Region[] {
    this.#configuration = configuration;
    this.#regions = ramRegions(blocks, this.#parentRegions);
    for (const region of this.#regions) {
      this.#digests.addRegion(region);
      this.#changed.set(region.id, new Uint8Array(Math.ceil(pageCountOf(region) / 8)));
    }
    return this.#regions;
  }

  /** Moves what changed to the front of the batch's memory. */
  changed({ blockIndex, pages, bytes }: Pick<PageBatch, 'blockIndex' | 'pages' | 'bytes'>): RegionPages {
    const { id: regionId } = this.#regions[blockIndex]!;
    const changed = this.#digests.changed(regionId, pages, bytes);
    this.#count(regionId, changed.pages);
    return { regionId, ...changed };
  }

  changedToZero({ blockIndex, pages }: Pick<ZeroBatch, 'blockIndex' | 'pages'>): Omit<RegionPages, 'bytes'> {
    const { id: regionId } = this.#regions[blockIndex]!;
    const changed = this.#digests.changedToZero(regionId, pages);
    // Without a parent every page is zero already.
    if (this.#parentRegions.length > 0) this.#count(regionId, changed);
    return { regionId, pages: changed };
  }

  /** The device state as a region of its own; it has no parent, for next to nothing of it stays. */
  device(blob: Buffer): RegionPages & { readonly region: Region } {
    const { region, pages, bytes } = encodeDeviceState({ configuration: this.#configuration, blob });
    return { region, regionId: region.id, pages, bytes };
  }

  #count(regionId: number, pages: Uint32Array): void {
    const seen = this.#changed.get(regionId)!;
    for (const page of pages) {
      const bit = 1 << (page & 7);
      if ((seen[page >>> 3]! & bit) !== 0) continue;
      seen[page >>> 3]! |= bit;
      this.#pagesChanged += 1;
    }
  }
}
