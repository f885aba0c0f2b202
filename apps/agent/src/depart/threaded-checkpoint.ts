import { CheckpointWriter, PackThreads, type CheckpointWriterOptions, type FinishCheckpoint, type FinishedCheckpoint, type PageDigests, type Region } from '@godwit/snapshot';
import { CaptureThread } from './capture-thread.ts';
import type { StateReceiver } from './receive-state.ts';

/** A checkpoint whose heavy work is done on threads: one that takes a guest's state from QEMU, others that make packs. `finish` or `abort` ends them. */
export class ThreadedCheckpoint {
  readonly writer: CheckpointWriter;
  /** For one capture, before anything else is put into the writer. */
  readonly receiver: StateReceiver;
  #pagesChanged: number | undefined;

  /** `digests`: this checkpoint's own copy; after the capture it says what the guest's pages are. `together`: by region, groups of pages that come into frames of their own. */
  constructor(options: Omit<CheckpointWriterOptions, 'packer'>, digests: PageDigests, parentRegions: readonly Region[], together: ReadonlyMap<number, readonly (readonly number[])[]> = new Map()) {
    let packs: PackThreads | undefined;
    this.writer = new CheckpointWriter({ ...options, packer: (packing) => (packs = new PackThreads(packing)) });
    const { writer } = this;
    this.receiver = new CaptureThread({
      packs: packs!,
      digests,
      parentRegions,
      together,
      take: ({ framed, digests: recorded, pagesChanged }) => {
        writer.adopt(framed, packs!.placesOf(framed.frames));
        digests.adopt(recorded);
        this.#pagesChanged = pagesChanged;
      },
    });
  }

  /** RAM pages whose content differs from the parent's, each counted once however often QEMU sent it; undefined before a capture. */
  get pagesChanged(): number | undefined {
    return this.#pagesChanged;
  }

  /** The writer's. */
  async finish(request: FinishCheckpoint): Promise<FinishedCheckpoint> {
    this.receiver.close();
    return await this.writer.finish(request);
  }

  /** The writer's. */
  async abort(): Promise<void> {
    this.receiver.close();
    await this.writer.abort();
  }
}
