import { Fault } from '@godwit/base';
import { planRenewal } from '@godwit/snapshot';
import type { ControlProgress, ControlResult, DepartPhase } from '@godwit/wire';
import { Capture, type CaptureWay } from '../depart/capture.ts';
import type { Captured } from '../depart/capture-state.ts';
import { frozenLayers, lineOf, NextCheckpoint } from '../depart/next-checkpoint.ts';
import { unlessCalledOff } from '../desktop/called-off.ts';
import { roomOf, storeOf, type Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { PhaseReport } from '../desktop/phase-report.ts';
import type { WaysSeen } from './capture-way.ts';
import { SpoolStore } from './spool-store.ts';

export interface CheckpointOptions {
  readonly ways: WaysSeen;
  readonly report: (progress: ControlProgress) => void;
  /** Calls it off (CANCELLED), and the guest runs on; a commit that was sent stays `pending` (COMMIT_UNKNOWN). */
  readonly signal: AbortSignal;
}

export type CheckpointMade = Omit<ControlResult<'checkpoint'>, 'name'>;

/** The record takes 64 layers of a disk; a suspend adds one more. */
const layersMax = 60;
/** Of the free room on this host's disk, what may lie there on its way to the store. */
const spoolShare = 0.5;
/** How often packs that are mostly dead are looked for: it reads the page table. */
const renewEvery = 8;
/** Pages that a checkpoint then writes although they did not change: 16 MiB before compression. */
const renewPagesMax = 4096;

/**
 * Puts a checkpoint of a desktop into the store while its guest runs on here, but for the pause: one straight line of phases with one
 * roll-back. The caller has made it the desktop's only operation.
 *
 * On success it is committed and proven, the lease kept, and the desktop stands on it: what is captured next is what changed since. On failure the
 * guest runs on, and the next capture sends what this one had not committed. COMMIT_UNKNOWN and COMMIT_UNPROVEN: the guest runs on as well, the record says
 * `pending`, and nothing else is committed before it is known.
 */
export async function backgroundCheckpoint(host: Host, desktop: LocalDesktop, options: CheckpointOptions): Promise<CheckpointMade> {
  const checkpoint = new BackgroundCheckpoint(host, desktop, options);
  try {
    return await checkpoint.run();
  } catch (error) {
    await checkpoint.rollBack(error);
    throw error;
  } finally {
    await checkpoint.end();
  }
}

class BackgroundCheckpoint {
  readonly #host: Host;
  readonly #desktop: LocalDesktop;
  readonly #options: CheckpointOptions;
  readonly #phase: PhaseReport<DepartPhase>;
  readonly #capture: Capture;
  #checkpoint: NextCheckpoint | undefined;
  #spool: SpoolStore | undefined;

  constructor(host: Host, desktop: LocalDesktop, options: CheckpointOptions) {
    this.#host = host;
    this.#desktop = desktop;
    this.#options = options;
    this.#phase = new PhaseReport(host.clock, options.report, 'check');
    this.#capture = new Capture(host, desktop, this.#phase);
  }

  async run(): Promise<CheckpointMade> {
    const { signal } = this.#options;
    const { epoch } = this.#desktop.record;
    this.#enter('check');
    await this.#check();
    const { checkpoint, spool } = await this.#prepare();
    this.#enter('capture');
    const { captured, way } = await this.#take(checkpoint);
    this.#enter('upload');
    const { disks } = this.#desktop.record;
    const committedLayers = disks.map(({ layers }) => layers.length - 1);
    const { finished, diskPagesWritten } = await unlessCalledOff(
      checkpoint.finish(frozenLayers(this.#desktop, disks, true), { bytesScanned: captured.ramBytesScanned, pauseMs: Math.round(captured.pauseMs) }),
      signal,
    );
    await unlessCalledOff(spool.drained(), signal);
    this.#enter('commit');
    const receipt = await checkpoint.commitBehind(finished, committedLayers, signal);
    const durableMs = this.#phase.elapsedMs;
    if (checkpoint.sequence % renewEvery === 0) await this.#renewPacks();
    return {
      sequence: checkpoint.sequence,
      epoch,
      way,
      pauseMs: captured.pauseMs,
      durableMs,
      ramBytesScanned: captured.ramBytesScanned,
      pagesChanged: checkpoint.pagesChanged,
      diskPagesWritten,
      bytesUploaded: finished.stats.bytesUploaded + finished.manifest.length,
      receipt,
    };
  }

  /** One that may not run is left to whoever keeps it from running. */
  async #check(): Promise<void> {
    const { mayRun, name, record } = this.#desktop;
    if (!mayRun) throw new Fault('DESKTOP_NOT_RUNNING', { subject: name, found: 'a guest that has to stand still' });
    const most = Math.max(...record.disks.map(({ layers }) => layers.length));
    if (most >= layersMax) throw new Fault('CAPTURE_FAILED', { subject: name, expected: `fewer than ${layersMax} layers of a disk`, found: `${most}`, hint: 'suspend and resume it: its disks begin anew then' });
    await this.#capture.check();
  }

  async #prepare(): Promise<{ checkpoint: NextCheckpoint; spool: SpoolStore }> {
    const { signal } = this.#options;
    const desktop = this.#desktop;
    const line = await unlessCalledOff(lineOf(this.#host, desktop), signal);
    const { diskAvailableBytes } = await roomOf(this.#host, 0);
    const spool = new SpoolStore(storeOf(this.#host, line.desktopId, line.epoch, [], signal), desktop.home.spoolDirectory, diskAvailableBytes * spoolShare);
    this.#spool = spool;
    await spool.begin();
    const checkpoint = new NextCheckpoint(this.#host, desktop, { ...line, store: spool }, (uploadedBytes) => this.#phase.advance(uploadedBytes, null), signal);
    this.#checkpoint = checkpoint;
    this.#enter('prepare');
    await this.#capture.prepare();
    return { checkpoint, spool };
  }

  /** QEMU refuses a background snapshot before anything is begun, so the other way is open. */
  async #take(checkpoint: NextCheckpoint): Promise<{ captured: Captured; way: CaptureWay }> {
    const { ways, signal } = this.#options;
    const take = async (way: CaptureWay): Promise<{ captured: Captured; way: CaptureWay }> => ({ captured: await this.#capture.takeBehind(checkpoint.receiver, way, { signal }), way });
    const { memoryBytes } = this.#desktop.record.contract;
    let taken: { captured: Captured; way: CaptureWay };
    try {
      taken = await take(ways.next(memoryBytes));
    } catch (error) {
      if (Fault.from(error).code !== 'SNAPSHOT_REFUSED') throw error;
      this.#host.log.info('snapshot-refused', { desktop: this.#desktop.record.desktopId, error });
      ways.refused = true;
      taken = await take('pre-copy');
    }
    ways.made(taken.way, taken.captured.pauseMs);
    return taken;
  }

  /** The next checkpoint writes anew what keeps mostly dead packs alive. That it comes later, or never, loses nothing but room in the store. */
  async #renewPacks(): Promise<void> {
    const { base, record } = this.#desktop;
    if (base?.digests === undefined) return;
    try {
      const renewal = await planRenewal(base.reader, renewPagesMax);
      for (const [regionId, pages] of renewal) base.digests.forget(regionId, pages);
      this.#host.log.info('packs-renewed', { desktop: record.desktopId, pages: [...renewal.values()].reduce((sum, { length }) => sum + length, 0) });
    } catch (error) {
      this.#host.log.warn('packs-not-renewed', { desktop: record.desktopId, error });
    }
  }

  /** The guest runs on here, unless it may not. Layers that froze stay in its chain. */
  async rollBack(cause: unknown): Promise<void> {
    const fault = Fault.from(cause);
    const { log } = this.#host;
    const { desktopId } = this.#desktop.record;
    log.info('checkpoint-rolled-back', { desktop: desktopId, phase: this.#phase.phase, error: fault });
    try {
      // A commit that may have happened stands on what was uploaded.
      if (this.#desktop.record.pending === null) await this.#checkpoint?.abort();
      await this.#capture.reconcile();
    } catch (error) {
      log.warn('checkpoint-not-rolled-back', { desktop: desktopId, error });
    }
  }

  async end(): Promise<void> {
    await this.#spool?.end();
  }

  #enter(phase: DepartPhase): void {
    this.#options.signal.throwIfAborted();
    this.#phase.enter(phase);
  }
}
