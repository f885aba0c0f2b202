import { Fault, newId, type CommitId, type DesktopId } from '@godwit/base';
import { PageDigests, type CheckpointWriter, type DesktopKeys, type FinishedCheckpoint, type ObjectStore } from '@godwit/snapshot';
import type { ControlReceipt } from '@godwit/wire';
import { contact } from '../account/contact.ts';
import { keysOf, storeOf, type Host } from '../desktop/host.ts';
import type { Base, LocalDesktop } from '../desktop/local-desktop.ts';
import type { DesktopRecord, SentCommit } from '../desktop/record.ts';
import { encodeContract } from '../machine/contract.ts';
import { diskRegion } from '../machine/state-region.ts';
import { captureDisk, type FrozenLayer } from './capture-disk.ts';
import { knowWorkingSet, putWorkingSet, togetherOf } from '../working-set/kept.ts';
import { CheckpointSink } from './checkpoint-sink.ts';
import { commitUntilKnown, isDecision, type SafeCommit } from './commit.ts';
import { settlePending } from './pending-commit.ts';
import type { StateReceiver } from './receive-state.ts';
import { ThreadedCheckpoint } from './threaded-checkpoint.ts';

/** What the next checkpoint follows, and under which right and keys it is written. */
export interface Line {
  readonly desktopId: DesktopId;
  readonly name: string;
  readonly epoch: number;
  readonly keys: DesktopKeys;
  /** The checkpoint before; undefined for the first. */
  readonly base: Base | undefined;
  /** Instead of the store as it is. */
  readonly store?: ObjectStore;
}

/**
 * The line of a desktop that this host holds, asked for anew. Everything that can be refused is refused here: coordinator, lease, head,
 * keys, base (EPOCH_FENCED, HEAD_MOVED, and whatever those say).
 */
export async function lineOf(host: Host, desktop: LocalDesktop): Promise<Line> {
  const { account } = host;
  const { desktopId, name, epoch } = desktop.record;
  await contact(account);
  await account.refreshChain();
  await settleBefore(host, desktop);
  const { base: known } = desktop.record;
  const remote = await account.coordinator.call('readDesktop', { params: { desktopId } });
  if (remote.owner?.hostId !== account.device.hostId || remote.epoch !== epoch) {
    throw new Fault('EPOCH_FENCED', { subject: name, expected: `epoch ${epoch} held here`, found: `epoch ${remote.epoch} held by ${remote.owner?.name ?? 'nobody'}` });
  }
  if ((remote.head?.digest ?? null) !== (known?.digest ?? null)) throw new Fault('HEAD_MOVED', { expected: `checkpoint ${known?.sequence ?? 0}`, found: `checkpoint ${remote.head?.sequence ?? 0}` });
  const [base] = await Promise.all([desktop.openBase(host), knowWorkingSet(desktop)]);
  const keys = keysOf(host, desktopId, await account.withNewestKey(desktopId, remote.wrappedKeys));
  return { desktopId, name, epoch, keys, base };
}

/** What follows depends on whether the checkpoint before was committed. That it was refused is all there is to know: the line says why, or goes on. */
async function settleBefore(host: Host, desktop: LocalDesktop): Promise<void> {
  try {
    await settlePending(host, desktop, { sentBefore: true });
  } catch (error) {
    if (!isDecision(error)) throw error;
    host.log.warn('checkpoint-refused', { desktop: desktop.record.desktopId, error });
  }
}

/** The uncommitted layers of each disk of `record`, bottom first, that no machine writes to; `active`: the last one is written to. */
export function frozenLayers(desktop: LocalDesktop, disks: DesktopRecord['disks'], active: boolean): FrozenLayer[][] {
  return disks.map(({ layers, committedLayers }) => layers.slice(committedLayers, active ? -1 : undefined).map(({ file, format }) => ({ path: desktop.path(file), format })));
}

/** The next checkpoint of a line on its way to the store: a guest's state through `receiver` or a saved one through `sink`, then the disks, then it is committed. */
export class NextCheckpoint {
  readonly sink: CheckpointSink;
  readonly receiver: StateReceiver;
  /** What the guest's pages are when the state is in; it counts once this is committed. */
  readonly digests: PageDigests;
  readonly sequence: number;
  readonly #host: Host;
  readonly #desktop: LocalDesktop;
  readonly #baseDigest: string | undefined;
  readonly #threads: ThreadedCheckpoint;

  /** `signal` ends the requests that are under way to the store. */
  constructor(host: Host, desktop: LocalDesktop, line: Line, onProgress: (uploadedBytes: number) => void, signal?: AbortSignal) {
    const { account, clock, random } = host;
    const { desktopId, epoch, keys, base } = line;
    const { length, headHash, generation } = account.chain.state;
    this.#host = host;
    this.#desktop = desktop;
    this.#baseDigest = base?.reader.manifest.digest.toString('base64url');
    this.sequence = (base?.reader.manifest.public.sequence ?? 0) + 1;
    // A copy: what this checkpoint learns counts only once it is committed.
    this.digests = base?.digests === undefined ? new PageDigests([], random) : base.digests.copy();
    const options = {
      store: line.store ?? storeOf(host, desktopId, epoch, [], signal),
      keys,
      epoch,
      keyGeneration: generation,
      signer: account.device,
      chain: { length, headHash },
      ...(base === undefined ? {} : { parent: base.reader }),
      regions: desktop.record.contract.disks.map(({ lengthBytes }, disk) => diskRegion(disk, lengthBytes)),
      random,
      clock,
      onProgress: ({ bytesUploaded }: { bytesUploaded: number }) => onProgress(bytesUploaded),
    };
    const parentRegions = base?.reader.regions ?? [];
    this.#threads = new ThreadedCheckpoint(options, this.digests, parentRegions, togetherOf(desktop));
    this.receiver = this.#threads.receiver;
    this.sink = new CheckpointSink(this.#writer, this.digests, parentRegions);
  }

  /** RAM pages whose content differs from the parent's, each counted once. */
  get pagesChanged(): number {
    return this.#threads.pagesChanged ?? this.sink.pagesChanged;
  }

  get #writer(): CheckpointWriter {
    return this.#threads.writer;
  }

  /** After the state: the disks, page table and manifest. `onDiskRead` is told how many bytes of the disks more were read. */
  async finish(disks: readonly (readonly FrozenLayer[])[], stats: { readonly bytesScanned: number; readonly pauseMs: number }, onDiskRead?: (lengthBytes: number) => void): Promise<{ finished: FinishedCheckpoint; diskPagesWritten: number }> {
    const { contract } = this.#desktop.record;
    let diskPagesWritten = 0;
    for (const [index, layers] of disks.entries()) diskPagesWritten += await captureDisk(diskRegion(index, contract.disks[index]!.lengthBytes), layers, this.#writer, onDiskRead);
    const kept = await putWorkingSet(this.#desktop, this.#writer, this.#baseDigest);
    const saved = encodeContract({ ...contract, qemu: { ...contract.qemu, savedWith: this.#host.capabilities.qemuVersion } });
    const finished = await this.#threads.finish({ contract: saved, sequence: this.sequence, commitId: newId<CommitId>(this.#host.random), stats });
    // Only the checkpoint after this one asks, and that one follows it only if it was committed.
    if (kept !== undefined && this.#desktop.workingSet === kept) this.#desktop.workingSet = { bytes: kept.bytes, storedIn: finished.digest.toString('base64url') };
    return { finished, diskPagesWritten };
  }

  /**
   * Commits and releases; from its first step on the record says `committing`, until somebody knows better (`left` stays as it is: its
   * guest may not run either way). When it resolves the checkpoint is committed: nothing may bring the guest back here.
   */
  async commit(finished: FinishedCheckpoint): Promise<SafeCommit> {
    const commit = this.#toSend(finished);
    await this.#desktop.update({ stage: this.#desktop.record.stage === 'left' ? 'left' : 'committing', commit });
    return commitUntilKnown(this.#host, this.#desktop, false);
  }

  /**
   * Commits and keeps the lease; the guest runs on meanwhile. `committedLayers`: so many layers of each disk are in this checkpoint. When it
   * resolves the desktop stands on it. Throws as `settlePending`.
   */
  async commitBehind(finished: FinishedCheckpoint, committedLayers: number[], signal: AbortSignal | undefined): Promise<ControlReceipt> {
    await this.#desktop.update({ pending: { ...this.#toSend(finished), committedLayers } });
    const receipt = await settlePending(this.#host, this.#desktop, { sentBefore: false, digests: this.digests, ...(signal === undefined ? {} : { signal }) });
    if (receipt === undefined) throw new Fault('INTERNAL', { expected: 'a commit in the record' });
    return receipt;
  }

  #toSend({ commitId, manifest, digest }: FinishedCheckpoint): SentCommit {
    return { commitId, manifest: manifest.toString('base64url'), sequence: this.sequence, digest: digest.toString('base64url') };
  }

  /** Nothing is on its way to the store any more when it resolves. */
  async abort(): Promise<void> {
    await this.#threads.abort();
  }
}
