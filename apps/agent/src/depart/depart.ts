import { statSync } from 'node:fs';
import { Fault } from '@godwit/base';
import type { FinishedCheckpoint } from '@godwit/snapshot';
import type { ControlProgress, DepartFigures, DepartPhase } from '@godwit/wire';
import { throwIfCalledOff, unlessCalledOff } from '../desktop/called-off.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { PhaseReport } from '../desktop/phase-report.ts';
import { endsRight } from '../lease/ends-right.ts';
import { Capture } from './capture.ts';
import type { SafeCommit } from './commit.ts';
import { ExpectedUpload } from './expected-upload.ts';
import { frozenLayers, lineOf, NextCheckpoint } from './next-checkpoint.ts';
import { sendingOf, type Sending } from './sending.ts';
import { MigrationWatch } from './watch-migration.ts';

export interface Departed {
  readonly sequence: number;
  readonly epoch: number;
  readonly figures: DepartFigures;
  readonly safe: SafeCommit;
}

export interface DepartOptions {
  /** Calls it off. */
  readonly signal: AbortSignal | undefined;
  /** What the upload takes of the line at most; undefined: all that it can get. */
  readonly limitBytesPerSecond: number | undefined;
}

/**
 * Suspends a desktop that runs here: one straight line of phases with one roll-back.
 *
 * On success its state is committed, its lease released in the same transaction, and nothing of it is left here.
 * On failure the guest runs on here, and the next departure sends what this one had not committed; so too where it is called off before the
 * commit is sent (CANCELLED).
 * Except COMMIT_UNKNOWN and COMMIT_UNPROVEN: the guest stays paused, and only asking again tells (commit.ts).
 */
export async function depart(host: Host, desktop: LocalDesktop, report: (progress: ControlProgress) => void, options: DepartOptions): Promise<Departed> {
  const departure = new Departure(host, desktop, report, options);
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
  readonly #phase: PhaseReport<DepartPhase>;
  readonly #capture: Capture;
  readonly #options: DepartOptions;
  readonly #upload: ExpectedUpload;
  readonly #watch: MigrationWatch;
  #sending: Sending | undefined;
  #bytesSentAtStop = 0;
  #checkpoint: NextCheckpoint | undefined;
  #committed = false;

  constructor(host: Host, desktop: LocalDesktop, report: (progress: ControlProgress) => void, options: DepartOptions) {
    this.#host = host;
    this.#desktop = desktop;
    this.#phase = new PhaseReport(host.clock, report, 'check');
    this.#capture = new Capture(host, desktop, this.#phase);
    this.#options = options;
    this.#upload = new ExpectedUpload(uncommittedBytes(desktop));
    this.#watch = new MigrationWatch({
      clock: host.clock,
      log: host.log,
      paced: desktop.record.contract.accelerator === 'kvm',
      onLook: ({ scannedBytes, leftBytes }) => this.#upload.memory(scannedBytes, leftBytes),
      onStop: () => (this.#bytesSentAtStop = this.#upload.sentBytes),
    });
  }

  async run(): Promise<Departed> {
    const { epoch } = this.#desktop.record;
    this.#phase.enter('check');
    await this.#capture.check();
    const { signal } = this.#options;
    const line = await unlessCalledOff(lineOf(this.#host, this.#desktop), signal);
    const sending = sendingOf(this.#host, this.#desktop, line, { ...this.#options, upload: this.#upload, tell: (say) => this.#phase.tell(say) });
    this.#sending = sending;
    const checkpoint = new NextCheckpoint(this.#host, this.#desktop, { ...line, store: sending.store }, () => undefined);
    this.#checkpoint = checkpoint;
    this.#enter('prepare');
    await this.#capture.prepare();
    this.#enter('capture');
    this.#phase.follow(() => this.#upload.amount);
    const captured = await this.#capture.take(checkpoint.receiver, { signal, watch: this.#watch });
    this.#enter('upload');
    this.#upload.memory(0, 0);
    const { pauseMs, ramBytesScanned, stoppedAtMs } = captured;
    const disks = frozenLayers(this.#desktop, this.#desktop.record.disks, true);
    const finishing = checkpoint.finish(disks, { bytesScanned: ramBytesScanned, pauseMs: Math.round(pauseMs) }, (lengthBytes) => this.#upload.disk(lengthBytes));
    const { finished, diskPagesWritten } = await unlessCalledOff(finishing, signal);
    this.#phase.unfollow();
    this.#enter('commit');
    const safe = await sending.patiently(() => this.#commit(checkpoint, finished));
    sending.end();
    this.#committed = true;
    const durableMs = this.#phase.elapsedMs;
    this.#phase.enter('clear');
    const bytesUploaded = finished.stats.bytesUploaded + finished.manifest.length;
    const figures: DepartFigures = {
      pauseMs,
      durableMs,
      ramBytesScanned,
      pagesChanged: checkpoint.pagesChanged,
      diskPagesWritten,
      bytesUploaded,
      bytesLeftAtStop: Math.max(0, bytesUploaded - this.#bytesSentAtStop),
      stoppedAtMs,
      agentResidentBytes: process.memoryUsage.rss(),
    };
    await clear(this.#desktop);
    return { sequence: checkpoint.sequence, epoch, figures, safe };
  }

  /** The next phase, unless it was called off. */
  #enter(phase: DepartPhase): void {
    throwIfCalledOff(this.#options.signal);
    this.#phase.enter(phase);
  }

  /** Once it is sent nobody can call it off. */
  async #commit(checkpoint: NextCheckpoint, finished: FinishedCheckpoint): Promise<SafeCommit> {
    const tooLate = (): void => this.#phase.tell('it is being committed; the outcome follows');
    this.#options.signal?.addEventListener('abort', tooLate);
    try {
      return await checkpoint.commit(finished);
    } finally {
      this.#options.signal?.removeEventListener('abort', tooLate);
    }
  }

  /** The guest runs on here. Layers that froze stay in its chain; what they hold goes with the next departure. */
  async rollBack(cause: unknown): Promise<void> {
    const { log } = this.#host;
    const fault = Fault.from(cause);
    this.#phase.unfollow();
    this.#sending?.end();
    log.warn('depart-rolled-back', { desktop: this.#desktop.record.desktopId, phase: this.#phase.phase, error: fault });
    // Committed, and something of it is still here: whoever asks about the commit again clears it away.
    if (this.#committed || fault.code === 'COMMIT_UNKNOWN' || fault.code === 'COMMIT_UNPROVEN') return;
    await this.#checkpoint?.abort();
    // Before the guest runs: a commit that the record still names would be asked for again after the agent's restart.
    if (this.#desktop.record.stage === 'committing') await this.#desktop.update({ stage: 'settled', commit: null });
    // Another host owns the desktop: to run on would be a second copy.
    if (!endsRight(fault)) return this.#capture.runOn();
    this.#desktop.note = fault.message;
    // Where it failed before the guest was stopped. One that does not answer now is stopped by its lease holder.
    await this.#desktop.hold().catch((error: unknown) => log.warn('guest-not-held', { desktop: this.#desktop.record.desktopId, error }));
    await this.#capture.reconcile();
  }
}

/** What the disks' files take that the next checkpoint has to read. */
function uncommittedBytes(desktop: LocalDesktop): number {
  const files = desktop.record.disks.flatMap(({ layers, committedLayers }) => layers.slice(committedLayers).map(({ file }) => desktop.path(file)));
  return files.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512, 0);
}

/** After the commit: this host holds nothing of the desktop any more. */
export async function clear(desktop: LocalDesktop): Promise<void> {
  await desktop.endMachine();
  await desktop.forget();
}
