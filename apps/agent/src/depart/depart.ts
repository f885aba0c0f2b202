import { Fault, newId, type CommitId } from '@godwit/base';
import { blockdevAdd, queryStatus, snapshotDisks } from '@godwit/qemu';
import { CheckpointWriter, PageDigests, type FinishedCheckpoint } from '@godwit/snapshot';
import type { ControlProgress, DepartFigures, DepartPhase } from '@godwit/wire';
import { acceptHead } from '../account/accept-head.ts';
import { keysOf, storeOf, type Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { PhaseReport } from '../desktop/phase-report.ts';
import { layerNode, nodeName } from '../machine/command-line.ts';
import { encodeContract } from '../machine/contract.ts';
import type { Machine } from '../machine/machine.ts';
import { diskRegion } from '../machine/state-region.ts';
import { captureDisk } from './capture-disk.ts';
import { captureState, runOn, type Captured } from './capture-state.ts';
import { CheckpointSink } from './checkpoint-sink.ts';
import { commitUntilKnown, type SafeCommit } from './commit.ts';

export interface Departed {
  readonly sequence: number;
  readonly epoch: number;
  readonly figures: DepartFigures;
  readonly safe: SafeCommit;
}

/** A guest that still cannot write stops again within this. */
const settleMs = 200;

/**
 * Suspends a desktop that runs here: one straight line of phases with one roll-back.
 *
 * On success its state is committed, its lease released in the same transaction, and nothing of it is left here.
 * On failure the guest runs on here, and the next departure sends what this one had not committed.
 * Except COMMIT_UNKNOWN and COMMIT_UNPROVEN: the guest stays paused, and only asking again tells (commit.ts).
 */
export async function depart(host: Host, desktop: LocalDesktop, report: (progress: ControlProgress) => void): Promise<Departed> {
  const departure = new Departure(host, desktop, report);
  try {
    return await departure.run();
  } catch (error) {
    await departure.rollBack(error);
    throw error;
  }
}

class Departure {
  readonly #host: Host;
  readonly #desktop: LocalDesktop;
  readonly #machine: Machine;
  readonly #phase: PhaseReport<DepartPhase>;
  #writer: CheckpointWriter | undefined;
  #overlays: string[] = [];

  constructor(host: Host, desktop: LocalDesktop, report: (progress: ControlProgress) => void) {
    if (desktop.machine === undefined) throw new Fault('DESKTOP_NOT_RUNNING', { subject: desktop.name });
    this.#host = host;
    this.#desktop = desktop;
    this.#machine = desktop.machine;
    this.#phase = new PhaseReport(host.clock, report, 'check');
  }

  async run(): Promise<Departed> {
    this.#phase.enter('check');
    await this.#mustRun();
    const { writer, sink } = await this.#begin();
    this.#phase.enter('prepare');
    await this.#addOverlays();
    this.#phase.enter('capture');
    const captured = await this.#capture(sink);
    this.#phase.enter('upload');
    const { finished, diskPagesWritten } = await this.#finish(writer, captured);
    this.#phase.enter('commit');
    const { durableMs, safe } = await this.#commit(finished);
    this.#phase.enter('clear');
    const { epoch } = this.#desktop.record;
    const figures: DepartFigures = {
      pauseMs: captured.pauseMs,
      durableMs,
      ramBytesScanned: captured.ramBytesScanned,
      pagesChanged: sink.pagesChanged,
      diskPagesWritten,
      bytesUploaded: finished.stats.bytesUploaded + finished.manifest.length,
      stoppedAtMs: captured.stoppedAtMs,
      agentResidentBytes: process.memoryUsage.rss(),
    };
    await clear(this.#desktop);
    return { sequence: this.#sequence, epoch, figures, safe };
  }

  get #sequence(): number {
    return (this.#desktop.record.base?.sequence ?? 0) + 1;
  }

  /** A guest that QEMU holds because a write to its disk failed would be held on the next host too: it has to get over that here. */
  async #mustRun(): Promise<void> {
    const { qmp } = this.#machine;
    if ((await queryStatus(qmp)).running) return;
    await runOn(this.#machine);
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const { running, status } = await queryStatus(qmp);
    if (running) return;
    if (status === 'io-error') throw new Fault('DISK_FULL', { subject: this.#host.home.directory, found: 'a guest that waits for room to write' });
    throw new Fault('CAPTURE_FAILED', { expected: 'a guest that runs', found: status });
  }

  /** Everything that can be refused is refused here, while the guest runs: coordinator, lease, keys, base. */
  async #begin(): Promise<{ writer: CheckpointWriter; sink: CheckpointSink }> {
    const { account, clock, random } = this.#host;
    const { desktopId, epoch, base: known, contract } = this.#desktop.record;
    await account.logWatch.contact();
    const chain = await account.refreshChain();
    const remote = await account.coordinator.call('readDesktop', { params: { desktopId } });
    if (remote.owner?.hostId !== account.device.hostId || remote.epoch !== epoch) {
      throw new Fault('EPOCH_FENCED', { subject: this.#desktop.name, expected: `epoch ${epoch} held here`, found: `epoch ${remote.epoch} held by ${remote.owner?.name ?? 'nobody'}` });
    }
    if ((remote.head?.digest ?? null) !== (known?.digest ?? null)) throw new Fault('HEAD_MOVED', { expected: `checkpoint ${known?.sequence ?? 0}`, found: `checkpoint ${remote.head?.sequence ?? 0}` });
    const base = await this.#desktop.openBase(this.#host);
    const wrappedKeys = await account.withNewestKey(desktopId, remote.wrappedKeys);
    const keys = keysOf(this.#host, desktopId, wrappedKeys);
    this.#writer = new CheckpointWriter({
      store: storeOf(this.#host, desktopId, epoch),
      keys,
      epoch,
      keyGeneration: chain.generation,
      signer: account.device,
      chain: { length: chain.length, headHash: chain.headHash },
      ...(base === undefined ? {} : { parent: base.reader }),
      regions: contract.disks.map(({ lengthBytes }, disk) => diskRegion(disk, lengthBytes)),
      random,
      clock,
      onProgress: ({ bytesUploaded }) => this.#phase.advance(bytesUploaded, null),
    });
    // A copy: what this departure learns counts only once it is committed.
    const digests = base?.digests === undefined ? new PageDigests([], random) : base.digests.copy();
    return { writer: this.#writer, sink: new CheckpointSink(this.#writer, digests, base?.reader.regions ?? []) };
  }

  /** The next layer of each disk, open in QEMU but not yet in use. */
  async #addOverlays(): Promise<void> {
    await this.#desktop.reconcileLayers(this.#machine);
    const { record } = this.#desktop;
    this.#overlays = await this.#desktop.createOverlays(this.#host.privilege);
    for (const [disk, file] of this.#overlays.entries()) {
      const level = record.disks[disk]!.layers.length;
      // `blockdev-snapshot` wants an overlay that has no backing node yet.
      await blockdevAdd(this.#machine.qmp, { ...layerNode(disk, level, { kind: 'file', file: this.#desktop.path(file), format: 'qcow2' }, true), backing: null });
    }
  }

  #capture(sink: CheckpointSink): Promise<Captured> {
    const { clock, privilege } = this.#host;
    const { accelerator } = this.#desktop.record.contract;
    return captureState({ machine: this.#machine, privilege, accelerator, sink, freeze: () => this.#freeze(), clock, onProgress: (streamBytes) => this.#phase.advance(streamBytes, this.#desktop.record.contract.memoryBytes) });
  }

  /** The record first: a layer that the guest writes to and nobody knows of would be lost with its writes. */
  async #freeze(): Promise<void> {
    this.#phase.enter('freeze');
    const { disks } = this.#desktop.record;
    await this.#desktop.update({ disks: disks.map((disk, index) => ({ ...disk, layers: [...disk.layers, { file: this.#overlays[index]!, format: 'qcow2' as const }] })) });
    await snapshotDisks(
      this.#machine.qmp,
      disks.map(({ layers }, disk) => ({ node: nodeName(disk, layers.length - 1), overlay: nodeName(disk, layers.length) })),
    );
  }

  async #finish(writer: CheckpointWriter, captured: Captured): Promise<{ finished: FinishedCheckpoint; diskPagesWritten: number }> {
    const { record } = this.#desktop;
    let diskPagesWritten = 0;
    for (const [index, disk] of record.disks.entries()) {
      const frozen = disk.layers.slice(disk.committedLayers, -1).map(({ file, format }) => ({ path: this.#desktop.path(file), format }));
      diskPagesWritten += await captureDisk(diskRegion(index, record.contract.disks[index]!.lengthBytes), frozen, writer);
    }
    const contract = encodeContract({ ...record.contract, qemu: { ...record.contract.qemu, savedWith: this.#host.capabilities.qemuVersion } });
    const finished = await writer.finish({ contract, sequence: this.#sequence, commitId: newId<CommitId>(this.#host.random), stats: { bytesScanned: captured.ramBytesScanned, pauseMs: Math.round(captured.pauseMs) } });
    return { finished, diskPagesWritten };
  }

  async #commit(finished: FinishedCheckpoint): Promise<{ durableMs: number; safe: SafeCommit }> {
    const commit = { commitId: finished.commitId, manifest: finished.manifest.toString('base64url'), sequence: this.#sequence, digest: finished.digest.toString('base64url') };
    await this.#desktop.update({ stage: 'committing', commit });
    const safe = await commitUntilKnown(this.#host, this.#desktop);
    // It is committed: whatever happens here must not bring the guest back.
    await acceptHead(this.#host.account, this.#desktop.record, finished.manifest).catch((error: unknown) => this.#host.log.warn('head-not-remembered', { error }));
    return { durableMs: this.#phase.elapsedMs, safe };
  }

  /** The guest runs on here. Layers that froze stay in its chain; what they hold goes with the next departure. */
  async rollBack(cause: unknown): Promise<void> {
    const { log } = this.#host;
    const fault = Fault.from(cause);
    const { desktopId } = this.#desktop.record;
    log.warn('depart-rolled-back', { desktop: desktopId, phase: this.#phase.phase, error: fault });
    if (fault.code === 'COMMIT_UNKNOWN' || fault.code === 'COMMIT_UNPROVEN') return;
    await this.#writer?.abort();
    // Before the guest runs: a commit that the record still names would be asked for again after the agent's restart.
    if (this.#desktop.record.stage === 'committing') await this.#desktop.update({ stage: 'settled', commit: null });
    const machine = this.#machine.qmp.state === 'ready' ? this.#machine : undefined;
    // Another host owns the desktop: to run on would be a second copy.
    if (fault.kind === 'fenced') this.#desktop.note = fault.message;
    else if (machine !== undefined) await runOn(machine);
    try {
      await this.#desktop.reconcileLayers(machine);
    } catch (error) {
      // Layers that nobody uses take room; the next departure looks at them again before it makes its own.
      log.warn('layers-not-reconciled', { desktop: desktopId, error });
    }
  }
}

/** After the commit: this host holds nothing of the desktop any more. */
export async function clear(desktop: LocalDesktop): Promise<void> {
  await desktop.machine?.end();
  await desktop.forget();
}
