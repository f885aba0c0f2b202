import { Fault } from '@godwit/base';
import type { FinishedCheckpoint } from '@godwit/snapshot';
import type { ControlProgress, DepartFigures, DepartPhase } from '@godwit/wire';
import { unlessCalledOff } from '../desktop/called-off.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { PhaseReport } from '../desktop/phase-report.ts';
import { endsRight } from '../lease/ends-right.ts';
import { Capture } from './capture.ts';
import type { SafeCommit } from './commit.ts';
import { frozenLayers, lineOf, NextCheckpoint } from './next-checkpoint.ts';

export interface Departed {
  readonly sequence: number;
  readonly epoch: number;
  readonly figures: DepartFigures;
  readonly safe: SafeCommit;
}

/**
 * Suspends a desktop that runs here: one straight line of phases with one roll-back.
 *
 * On success its state is committed, its lease released in the same transaction, and nothing of it is left here.
 * On failure the guest runs on here, and the next departure sends what this one had not committed; so too where `signal` calls it off before the
 * commit is sent (CANCELLED).
 * Except COMMIT_UNKNOWN and COMMIT_UNPROVEN: the guest stays paused, and only asking again tells (commit.ts).
 */
export async function depart(host: Host, desktop: LocalDesktop, report: (progress: ControlProgress) => void, signal?: AbortSignal): Promise<Departed> {
  const departure = new Departure(host, desktop, report, signal);
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
  readonly #signal: AbortSignal | undefined;
  #checkpoint: NextCheckpoint | undefined;
  #committed = false;

  constructor(host: Host, desktop: LocalDesktop, report: (progress: ControlProgress) => void, signal: AbortSignal | undefined) {
    this.#host = host;
    this.#desktop = desktop;
    this.#phase = new PhaseReport(host.clock, report, 'check');
    this.#capture = new Capture(host, desktop, this.#phase);
    this.#signal = signal;
  }

  async run(): Promise<Departed> {
    const { epoch } = this.#desktop.record;
    this.#phase.enter('check');
    await this.#capture.check();
    const line = await unlessCalledOff(lineOf(this.#host, this.#desktop), this.#signal);
    const checkpoint = new NextCheckpoint(this.#host, this.#desktop, line, (uploadedBytes) => this.#phase.advance(uploadedBytes, null), this.#signal);
    this.#checkpoint = checkpoint;
    this.#enter('prepare');
    await this.#capture.prepare();
    this.#enter('capture');
    const captured = await this.#capture.take(checkpoint.receiver, { signal: this.#signal });
    this.#enter('upload');
    const { pauseMs, ramBytesScanned, stoppedAtMs } = captured;
    const { finished, diskPagesWritten } = await unlessCalledOff(
      checkpoint.finish(frozenLayers(this.#desktop, this.#desktop.record.disks, true), { bytesScanned: ramBytesScanned, pauseMs: Math.round(pauseMs) }),
      this.#signal,
    );
    this.#enter('commit');
    const safe = await this.#commit(checkpoint, finished);
    this.#committed = true;
    const durableMs = this.#phase.elapsedMs;
    this.#phase.enter('clear');
    const figures: DepartFigures = {
      pauseMs,
      durableMs,
      ramBytesScanned,
      pagesChanged: checkpoint.pagesChanged,
      diskPagesWritten,
      bytesUploaded: finished.stats.bytesUploaded + finished.manifest.length,
      stoppedAtMs,
      agentResidentBytes: process.memoryUsage.rss(),
    };
    await clear(this.#desktop);
    return { sequence: checkpoint.sequence, epoch, figures, safe };
  }

  /** The next phase, unless it was called off. */
  #enter(phase: DepartPhase): void {
    this.#signal?.throwIfAborted();
    this.#phase.enter(phase);
  }

  /** Once it is sent nobody can call it off. */
  async #commit(checkpoint: NextCheckpoint, finished: FinishedCheckpoint): Promise<SafeCommit> {
    const tooLate = (): void => this.#phase.tell('it is being committed; the outcome follows');
    this.#signal?.addEventListener('abort', tooLate);
    try {
      return await checkpoint.commit(finished);
    } finally {
      this.#signal?.removeEventListener('abort', tooLate);
    }
  }

  /** The guest runs on here. Layers that froze stay in its chain; what they hold goes with the next departure. */
  async rollBack(cause: unknown): Promise<void> {
    const { log } = this.#host;
    const fault = Fault.from(cause);
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

/** After the commit: this host holds nothing of the desktop any more. */
export async function clear(desktop: LocalDesktop): Promise<void> {
  await desktop.endMachine();
  await desktop.forget();
}
