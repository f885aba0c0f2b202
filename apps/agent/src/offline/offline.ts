import { Fault } from '@godwit/base';
import type { ControlResult, DepartFigures } from '@godwit/wire';
import type { Report } from '../daemon/control-server.ts';
import type { Departed } from '../depart/depart.ts';
import { tellWhatStays, unlessCalledOff } from '../desktop/called-off.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { toldDeparture } from '../told-moves/told.ts';
import { isOutOfReach } from './out-of-reach.ts';
import { resumeHere } from './resume-here.ts';
import { saveHere } from './save-here.ts';
import { backToSaved, removeSaved } from './saved-checkpoint.ts';
import { Uploads, type UploadEnds } from './uploads.ts';

export interface SuspendOptions {
  /** Where the store is out of reach it may be saved on this machine. */
  readonly mayStay: boolean;
  /** Its person calls it off. */
  readonly signal: AbortSignal | undefined;
  /** What the upload takes of the line at most; undefined: all that it can get. */
  readonly limitBytesPerSecond: number | undefined;
}

/** Suspending and resuming where coordinator or store may be out of reach, and the way to the store of what was saved without them. */
export class Offline {
  readonly #host: Host;
  readonly #ends: UploadEnds;
  readonly #uploads: Uploads;

  constructor(host: Host, ends: UploadEnds) {
    this.#host = host;
    this.#ends = ends;
    this.#uploads = new Uploads(host, ends);
  }

  /** After a start of the agent, for every desktop: one that is saved goes on its way; of any other nothing may lie here. */
  async takeUp(desktop: LocalDesktop): Promise<void> {
    if (desktop.record.saved === null) return removeSaved(desktop);
    if (desktop.record.stage !== 'saved') return;
    await backToSaved(desktop);
    this.#uploads.begin(desktop);
  }

  /** The coordinator was heard of, with this desktop's epoch as the current one. */
  reached(desktop: LocalDesktop): void {
    this.#uploads.reached(desktop);
  }

  /** What is here is given up. */
  forget(desktop: LocalDesktop): void {
    this.#uploads.forget(desktop);
  }

  /**
   * Into the store where that can be had; else, if it `mayStay`, on this machine, and into the store when it can be had again. Else it runs on; so
   * too where `signal` calls it off before its commit is sent (CANCELLED).
   */
  suspend(desktop: LocalDesktop, options: SuspendOptions, report: Report): Promise<ControlResult<'suspend'>> {
    const { name } = desktop;
    const stays = (): string => (desktop.state === 'saved' ? `${name} stays saved on this machine, and goes into the store by itself` : `rolled back: ${name} ${desktop.mayRun ? 'runs on' : 'stands still'} here`);
    return tellWhatStays(name, stays, () => this.#suspend(desktop, options, report));
  }

  async #suspend(desktop: LocalDesktop, { mayStay, signal, limitBytesPerSecond }: SuspendOptions, report: Report): Promise<ControlResult<'suspend'>> {
    const { name } = desktop;
    if (desktop.record.stage === 'saved') return inStore(name, await this.#uploads.now(desktop, { report, signal, limitBytesPerSecond }));
    return desktop.exclusively('departing', async () => {
      if (desktop.commitPending) throw new Fault('COMMIT_UNKNOWN', { subject: name });
      try {
        const departed = await toldDeparture(this.#host, desktop, report, { signal, limitBytesPerSecond });
        this.#ends.onSafe(desktop);
        return inStore(name, departed);
      } catch (error) {
        const fault = Fault.from(error);
        if (fault.kind === 'fenced') this.#ends.onFenced(desktop, fault);
        const sent = desktop.record.commit !== null;
        if (sent) this.#ends.onUnknown(desktop);
        if (sent || !mayStay || !isOutOfReach(fault)) throw error;
        const { epoch } = desktop.record;
        const depart = await this.#saveHere(desktop, fault, report, signal);
        this.#uploads.begin(desktop);
        return { name, epoch, depart, safe: false, reason: fault.message };
      }
    });
  }

  async #saveHere(desktop: LocalDesktop, outage: Fault, report: Report, signal: AbortSignal | undefined): Promise<DepartFigures> {
    try {
      return await saveHere(this.#host, desktop, outage.message, report, signal);
    } catch (error) {
      const { code, message } = Fault.from(error);
      if (code !== 'DISK_FULL') throw error;
      // What stands in the way is the outage; that it cannot be got around here either is worth a word.
      throw Fault.fromJSON({ ...outage.toJSON(), hint: `${outage.hint}; it cannot be saved on this machine either: ${message}` });
    }
  }

  /** Goes on with what is saved here. Throws DESKTOP_SUPERSEDED, LEASE_UNCONFIRMED (strict, and nobody in reach), DESKTOP_BUSY. */
  async resume(desktop: LocalDesktop, { eager, wait, signal }: { eager: boolean; wait: boolean; signal: AbortSignal | undefined }, report: Report): Promise<ControlResult<'resume'>> {
    const { name } = desktop;
    await this.#uploads.stop(desktop);
    try {
      if (desktop.record.stage !== 'saved') throw new Fault('DESKTOP_BUSY', { subject: name, found: desktop.state });
      const { complete } = await desktop.exclusively('arriving', async () => {
        await this.#host.leases.assertMayStart(desktop);
        return resumeHere(this.#host, desktop, { eager, signal }, report);
      });
      const filled = desktop.exclusively('filling', () => complete).catch((error: unknown) => this.#lost(desktop, error));
      filled.catch(() => undefined); // Logged where it happened; without --wait nobody is left to be told.
      if (wait) await unlessCalledOff(filled, signal);
      return { name, sequence: desktop.record.base?.sequence ?? 0, epoch: desktop.record.epoch, fromHere: true, arrive: desktop.arrival! };
    } catch (error) {
      if (desktop.record.stage === 'saved' && desktop.operation === undefined) this.#uploads.begin(desktop);
      throw error;
    }
  }

  /** The machine ended before it had all of its memory. Nothing is lost: the saved state is the desktop again. */
  #lost(desktop: LocalDesktop, error: unknown): never {
    const fault = Fault.from(error);
    desktop.note = `its machine ended while it was loaded: ${fault.message}`;
    this.#uploads.begin(desktop);
    throw fault;
  }
}

function inStore(name: string, { sequence, epoch, figures, safe }: Departed): ControlResult<'suspend'> {
  return { name, sequence, epoch, depart: figures, safe: true, receipt: safe.receipt, receiptFile: safe.file };
}
