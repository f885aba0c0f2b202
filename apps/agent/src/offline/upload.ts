import { Fault } from '@godwit/base';
import type { ControlProgress, DepartPhase } from '@godwit/wire';
import { clear, type Departed } from '../depart/depart.ts';
import { ExpectedUpload } from '../depart/expected-upload.ts';
import { frozenLayers, lineOf, NextCheckpoint, type Line } from '../depart/next-checkpoint.ts';
import { throwIfCalledOff, unlessCalledOff } from '../desktop/called-off.ts';
import { sendingOf, type Sending } from '../depart/sending.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { PhaseReport } from '../desktop/phase-report.ts';
import { playCheckpoint } from './play-checkpoint.ts';
import { openSaved } from './saved-checkpoint.ts';

export interface UploadOptions {
  /** Where the state goes: the next checkpoint of the desktop itself unless told. */
  readonly line?: Line;
  /** Ends it with CANCELLED, as long as no commit was sent. */
  readonly signal?: AbortSignal | undefined;
  /** What it takes of the line at most; all that it can get unless told. */
  readonly limitBytesPerSecond?: number | undefined;
  readonly report?: (progress: ControlProgress) => void;
}

/**
 * Puts what is saved on this machine into the store: a departure whose source is the saved checkpoint instead of QEMU, with the same commit
 * (commit.ts) and the same end: nothing of the desktop is left here.
 *
 * On failure it stays saved here. Except COMMIT_UNKNOWN and COMMIT_UNPROVEN: the record says `committing` until asking again tells.
 */
export async function uploadSaved(host: Host, desktop: LocalDesktop, options: UploadOptions = {}): Promise<Departed> {
  const upload = new Upload(host, desktop, options);
  try {
    return await upload.run();
  } catch (error) {
    await upload.rollBack(error);
    throw error;
  }
}

class Upload {
  readonly #host: Host;
  readonly #desktop: LocalDesktop;
  readonly #options: UploadOptions;
  readonly #phase: PhaseReport<DepartPhase>;
  readonly #stage: LocalDesktop['record']['stage'];
  /** How much of it goes out is not known before: what is unchanged stays here. */
  readonly #upload = new ExpectedUpload(0);
  #sending: Sending | undefined;
  #checkpoint: NextCheckpoint | undefined;
  #committed = false;

  constructor(host: Host, desktop: LocalDesktop, options: UploadOptions) {
    this.#host = host;
    this.#desktop = desktop;
    this.#options = options;
    this.#stage = desktop.record.stage;
    this.#phase = new PhaseReport(host.clock, options.report ?? (() => undefined), 'check');
  }

  async run(): Promise<Departed> {
    const { signal, limitBytesPerSecond } = this.#options;
    this.#phase.enter('check');
    const line = this.#options.line ?? (await unlessCalledOff(lineOf(this.#host, this.#desktop), signal));
    this.#mustGoOn();
    const reader = await openSaved(this.#host, this.#desktop);
    const sending = sendingOf(this.#host, this.#desktop, line, { signal, limitBytesPerSecond, upload: this.#upload, tell: (say) => this.#phase.tell(say) });
    this.#sending = sending;
    const checkpoint = new NextCheckpoint(this.#host, this.#desktop, { ...line, store: sending.store }, () => undefined);
    this.#checkpoint = checkpoint;
    this.#phase.enter('upload');
    this.#phase.follow(() => this.#upload.amount);
    const { bytesScanned, pauseMs } = reader.manifest.private.stats;
    await playCheckpoint(reader, checkpoint.sink, () => this.#mustGoOn());
    const { finished, diskPagesWritten } = await checkpoint.finish(frozenLayers(this.#desktop, this.#desktop.record.disks, false), { bytesScanned, pauseMs });
    this.#mustGoOn();
    this.#phase.enter('commit');
    this.#phase.unfollow();
    const safe = await checkpoint.commit(finished);
    sending.end();
    this.#committed = true;
    const durableMs = this.#phase.elapsedMs;
    this.#phase.enter('clear');
    const figures = {
      pauseMs,
      durableMs,
      ramBytesScanned: bytesScanned,
      pagesChanged: checkpoint.pagesChanged,
      diskPagesWritten,
      bytesUploaded: finished.stats.bytesUploaded + finished.manifest.length,
      bytesLeftAtStop: finished.stats.bytesUploaded + finished.manifest.length,
      stoppedAtMs: this.#phase.startedMs,
      agentResidentBytes: process.memoryUsage.rss(),
    };
    await clear(this.#desktop);
    return { sequence: checkpoint.sequence, epoch: line.epoch, figures, safe };
  }

  /** It stays as it was: saved, or left. */
  async rollBack(cause: unknown): Promise<void> {
    const fault = Fault.from(cause);
    this.#phase.unfollow();
    this.#sending?.end();
    this.#host.log.warn('upload-rolled-back', { desktop: this.#desktop.record.desktopId, phase: this.#phase.phase, error: fault });
    if (this.#committed || fault.code === 'COMMIT_UNKNOWN' || fault.code === 'COMMIT_UNPROVEN') return;
    await this.#checkpoint?.abort();
    if (this.#desktop.record.commit !== null) await this.#desktop.update({ stage: this.#stage, commit: null });
  }

  #mustGoOn(): void {
    throwIfCalledOff(this.#options.signal);
  }
}
