import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '@godwit/base';
import type { ArriveFigures, ArrivePhase } from '@godwit/wire';
import { Line } from '../arrive/line.ts';
import { LiveFrames } from '../arrive/live-frames.ts';
import { eagernessOf, Loading, type Eagerness } from '../arrive/loading.ts';
import type { RamPlayer } from '../arrive/ram-player.ts';
import type { Report } from '../daemon/control-server.ts';
import { throwIfCalledOff, unlessCalledOff } from '../desktop/called-off.ts';
import { roomOf, type Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { mergeLayers } from '../desktop/merge-layers.ts';
import { PhaseReport } from '../desktop/phase-report.ts';
import type { DesktopRecord } from '../desktop/record.ts';
import { assertFit } from '../machine/fitness.ts';
import type { Machine } from '../machine/machine.ts';
import { deviceRegionOf } from '../machine/state-region.ts';
import { backToSaved, openSaved, removeSaved } from './saved-checkpoint.ts';

/** Between attempts to write the record of a machine that has all it needs. */
const settleAgainMs = 2_000;

export interface ResumedHere {
  /** Settles when the machine depends on nothing but the disks any more; rejects when it was lost before: then the desktop is saved, as it was. */
  readonly complete: Promise<void>;
}

/**
 * Goes on with a desktop that is saved on this machine; needs nobody else. Whoever calls it has asked whether the epoch is still this host's.
 *
 * Until `complete` the record says `saved`, and the guest writes its disks into layers that no record names: whatever dies, the saved state
 * is there again and goes on from where it was. Then one write of the record makes the running machine the desktop, and the saved memory,
 * stale from then on, is removed. So no state runs on twice. On failure the desktop is saved, as it was; so too where `signal` calls it off before it runs.
 */
export async function resumeHere(host: Host, desktop: LocalDesktop, options: { eager: boolean; signal?: AbortSignal | undefined }, report: Report): Promise<ResumedHere> {
  const resumption = new ResumptionHere(host, desktop, options, report);
  try {
    return await resumption.run();
  } catch (error) {
    await resumption.rollBack(error);
    throw error;
  }
}

class ResumptionHere {
  readonly #host: Host;
  readonly #desktop: LocalDesktop;
  readonly #eagerness: Eagerness;
  readonly #signal: AbortSignal | undefined;
  readonly #phase: PhaseReport<ArrivePhase>;
  #loading: Loading | undefined;

  constructor(host: Host, desktop: LocalDesktop, { eager, signal }: { eager: boolean; signal?: AbortSignal | undefined }, report: Report) {
    this.#host = host;
    this.#desktop = desktop;
    this.#eagerness = eagernessOf(host, eager);
    this.#signal = signal;
    this.#phase = new PhaseReport(host.clock, report, 'fit');
  }

  async run(): Promise<ResumedHere> {
    this.#phase.enter('fit', this.#eagerness.reason);
    assertFit(this.#desktop.record.contract, this.#host.capabilities, await roomOf(this.#host, 0));
    this.#phase.enter('prepare');
    await backToSaved(this.#desktop);
    await mergeLayers(this.#host, this.#desktop);
    const reader = await openSaved(this.#host, this.#desktop);
    const frames = new LiveFrames(reader);
    const disks = await this.#overlaid();
    throwIfCalledOff(this.#signal);
    this.#phase.enter('launch');
    const reading = Promise.all([reader.readRegion(deviceRegionOf(reader.regions).id), reader.loadLeaves()]);
    reading.catch(() => undefined); // Awaited below: a machine that is still starting has to be there for the roll-back to end it.
    // What the next departure compares with are the digests of the base, which this is not.
    this.#loading = new Loading({ host: this.#host, desktop: this.#desktop, frames, digests: undefined, eagerness: this.#eagerness, line: new Line(), recorder: undefined, phase: this.#phase });
    const machine = await this.#loading.launch(disks.map(({ layers }) => layers.map(({ file, format }) => ({ kind: 'file', file: this.#desktop.path(file), format }))));
    const [deviceBytes] = await reading;
    this.#phase.enter('load');
    const { player, figures } = await unlessCalledOff(this.#loading.run(machine, deviceBytes), this.#signal);
    const complete = this.#complete({ machine, player, frames, figures, disks }).catch(async (error: unknown) => {
      await this.rollBack(error);
      throw error;
    });
    complete.catch(() => undefined); // Whoever waits for it is told; the roll-back has been logged.
    return { complete };
  }

  /** The chains with a new layer each, which the record does not name yet. */
  async #overlaid(): Promise<DesktopRecord['disks']> {
    const overlays = await this.#desktop.createOverlays(this.#host.privilege);
    return this.#desktop.record.disks.map((disk, index) => ({ ...disk, layers: [...disk.layers, { file: overlays[index]!, format: 'qcow2' as const }] }));
  }

  async #complete({ machine, player, frames, figures, disks }: { machine: Machine; player: RamPlayer; frames: LiveFrames; figures: ArriveFigures; disks: DesktopRecord['disks'] }): Promise<void> {
    const { memoryBytes } = this.#desktop.record.contract;
    const lost = machine.ended.then(() => {
      throw new Fault('QEMU_ENDED', { subject: this.#desktop.name });
    });
    lost.catch(() => undefined); // Raced below; after the last race the end of the machine is no failure of this.
    this.#phase.enter('fill');
    if (!this.#eagerness.eager) await Promise.race([player.fill(() => this.#phase.advance(player.doneBytes, memoryBytes)), lost]);
    this.#phase.enter('settle');
    await this.#settle(disks, lost);
    figures.completeMs = this.#phase.elapsedMs;
    figures.bytesFetched = frames.fetched.ramBytes + frames.fetched.diskBytes;
    figures.pagesOnDemand = player.pagesOnDemand;
    figures.agentResidentBytes = process.memoryUsage.rss();
    await removeSaved(this.#desktop).catch((error: unknown) => {
      // It takes room until the next save or the next start of the agent removes it; nothing reads it any more.
      this.#host.log.warn('saved-not-removed', { desktop: this.#desktop.record.desktopId, error });
    });
  }

  /**
   * One write makes the running machine the desktop. Where it fails nobody knows which record is on the disk, and with either the machine may
   * run on: this is tried until it is known, or the machine has ended.
   */
  async #settle(disks: DesktopRecord['disks'], lost: Promise<never>): Promise<void> {
    for (;;) {
      try {
        await this.#desktop.update({ stage: 'settled', saved: null, disks });
        this.#desktop.note = undefined;
        return;
      } catch (error) {
        const fault = Fault.from(error);
        this.#desktop.note = `runs, and would go back to what was saved: ${fault.message}`;
        this.#host.log.warn('resume-here-not-settled', { desktop: this.#desktop.record.desktopId, error: fault });
      }
      await Promise.race([sleep(settleAgainMs), lost]);
    }
  }

  /** The saved state is the desktop again. */
  async rollBack(cause: unknown): Promise<void> {
    this.#host.log.warn('resume-here-rolled-back', { desktop: this.#desktop.record.desktopId, phase: this.#phase.phase, error: Fault.from(cause) });
    await this.#loading?.end();
    await backToSaved(this.#desktop);
  }
}
