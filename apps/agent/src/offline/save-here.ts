import { open } from 'node:fs/promises';
import { Fault } from '@godwit/base';
import { PageDigests, type FinishedCheckpoint } from '@godwit/snapshot';
import { textOf, type DepartFigures, type DepartPhase, type WrappedKey } from '@godwit/wire';
import type { Report } from '../daemon/control-server.ts';
import { Capture } from '../depart/capture.ts';
import type { Captured } from '../depart/capture-state.ts';
import { ThreadedCheckpoint } from '../depart/threaded-checkpoint.ts';
import { throwIfCalledOff } from '../desktop/called-off.ts';
import { keysOf, roomOf, type Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { PhaseReport } from '../desktop/phase-report.ts';
import type { DesktopRecord } from '../desktop/record.ts';
import { encodeContract } from '../machine/contract.ts';
import { backToSaved, removeSaved, savedStore } from './saved-checkpoint.ts';

type Saved = NonNullable<DesktopRecord['saved']>;

/** Firmware, video memory, device state, page table: what a saved checkpoint holds beside the guest's memory. */
const besideMemoryBytes = 64 * 2 ** 20;
/** Of the local key: it is used for this one checkpoint. */
const onlyEpoch = 1;

/**
 * Suspends a desktop without coordinator and store: one straight line of phases with one roll-back.
 *
 * On success its state is durable on this machine (`stage: 'saved'`), and no machine of it runs. On failure the guest runs on here, if it may;
 * so too where `signal` calls it off before that.
 * Refuses with DISK_FULL before it begins where memory that does not compress would not fit. `reason`: why here, for its person.
 */
export async function saveHere(host: Host, desktop: LocalDesktop, reason: string, report: Report, signal?: AbortSignal): Promise<DepartFigures> {
  const saving = new SavingHere(host, desktop, report, signal);
  let figures: DepartFigures;
  try {
    figures = await saving.run(reason);
  } catch (error) {
    await saving.rollBack(error);
    throw error;
  }
  try {
    await backToSaved(desktop);
  } catch (error) {
    // It is saved: what is left over goes when the desktop is taken up again.
    host.log.warn('saved-not-cleared', { desktop: desktop.record.desktopId, error });
  }
  host.log.info('saved-here', { desktop: desktop.record.desktopId, reason });
  return figures;
}

class SavingHere {
  readonly #host: Host;
  readonly #desktop: LocalDesktop;
  readonly #phase: PhaseReport<DepartPhase>;
  readonly #capture: Capture;
  readonly #signal: AbortSignal | undefined;
  #checkpoint: ThreadedCheckpoint | undefined;
  /** The record may say that it is saved. */
  #recorded = false;

  constructor(host: Host, desktop: LocalDesktop, report: Report, signal: AbortSignal | undefined) {
    this.#host = host;
    this.#desktop = desktop;
    this.#phase = new PhaseReport(host.clock, report, 'check');
    this.#signal = signal;
    this.#capture = new Capture(host, desktop, this.#phase);
  }

  async run(reason: string): Promise<DepartFigures> {
    this.#phase.enter('check', `${reason}: saving it on this machine`);
    await this.#mustFit();
    await this.#capture.check();
    const { account } = this.#host;
    const { desktopId: localId, wrapped } = account.createLocalKey();
    const checkpoint = this.#begin(localId, wrapped);
    this.#phase.enter('prepare');
    await removeSaved(this.#desktop);
    await this.#capture.prepare();
    this.#phase.enter('capture');
    const captured = await this.#capture.take(checkpoint.receiver, { signal: this.#signal });
    this.#phase.enter('seal');
    const finished = await this.#finish(checkpoint, captured);
    throwIfCalledOff(this.#signal);
    await this.#record({ localId, generation: wrapped.generation, wrappedKey: wrapped.bytes, manifest: textOf(finished.manifest), savedMs: this.#host.clock.wallMs() });
    return {
      pauseMs: captured.pauseMs,
      durableMs: this.#phase.elapsedMs,
      ramBytesScanned: captured.ramBytesScanned,
      pagesChanged: checkpoint.pagesChanged ?? 0,
      diskPagesWritten: 0,
      bytesUploaded: 0,
      bytesLeftAtStop: 0,
      stoppedAtMs: captured.stoppedAtMs,
      agentResidentBytes: process.memoryUsage.rss(),
    };
  }

  async #mustFit(): Promise<void> {
    const neededBytes = this.#desktop.record.contract.memoryBytes + besideMemoryBytes;
    const { diskAvailableBytes } = await roomOf(this.#host, neededBytes);
    if (diskAvailableBytes >= neededBytes) return;
    const megabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
    throw new Fault('DISK_FULL', { subject: this.#host.home.directory, expected: `${megabytes(neededBytes)} for the memory of ${this.#desktop.name}`, found: megabytes(diskAvailableBytes) });
  }

  #begin(localId: Saved['localId'], wrapped: WrappedKey): ThreadedCheckpoint {
    const { account, random, clock } = this.#host;
    const { length, headHash } = account.chain.state;
    const options = {
      store: savedStore(this.#desktop),
      keys: keysOf(this.#host, localId, [wrapped]),
      epoch: onlyEpoch,
      keyGeneration: wrapped.generation,
      signer: account.device,
      chain: { length, headHash },
      regions: [],
      random,
      clock,
    };
    const checkpoint = new ThreadedCheckpoint(options, new PageDigests([], random), []);
    this.#checkpoint = checkpoint;
    return checkpoint;
  }

  /** Memory is on the disk when `finish` resolves; what the guest wrote to its layers has to be too. */
  async #finish(checkpoint: ThreadedCheckpoint, { ramBytesScanned, pauseMs }: Captured): Promise<FinishedCheckpoint> {
    const { disks, contract } = this.#desktop.record;
    const finished = await checkpoint.finish({ contract: encodeContract(contract), sequence: 1, stats: { bytesScanned: ramBytesScanned, pauseMs: Math.round(pauseMs) } });
    const files = disks.flatMap(({ layers }) => layers.map(({ file }) => this.#desktop.path(file)));
    for (const path of [...files, this.#desktop.home.machineDirectory]) {
      await using file = await open(path, 'r');
      await file.sync();
    }
    return finished;
  }

  /** From here on this is the desktop: the empty layer that was begun at the instant of the capture is none of it. */
  async #record(saved: Saved): Promise<void> {
    this.#recorded = true;
    const disks = this.#desktop.record.disks.map((disk) => ({ ...disk, layers: disk.layers.slice(0, -1) }));
    await this.#desktop.update({ stage: 'saved', saved, disks });
  }

  async rollBack(cause: unknown): Promise<void> {
    const { log } = this.#host;
    const { desktopId } = this.#desktop.record;
    log.warn('save-rolled-back', { desktop: desktopId, phase: this.#phase.phase, error: Fault.from(cause) });
    await this.#checkpoint?.abort();
    // Nobody knows which record is on the disk. The guest must not run while it may be the one that says saved: if this fails too, it stands still.
    if (this.#recorded) await this.#desktop.update({});
    await this.#capture.runOn();
    await removeSaved(this.#desktop);
  }
}
