import { Fault, type Clock, type DesktopId, type Log } from '@godwit/base';
import type { BodyOf, ControlProgress, EventMessage, Routes } from '@godwit/wire';
import type { Coordinator } from '../account/coordinator.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { tellPaced } from './tell-pace.ts';

/** Whoever asked looks at a line on a screen. */
const answerMs = 4_000;
const foundCharsMax = 512;
const phaseCharsMax = 32;

export interface AskedParts {
  readonly coordinator: Pick<Coordinator, 'call'>;
  readonly clock: Clock;
  readonly log: Log;
  /** The desktop in its epoch, where this host holds it. */
  readonly find: (desktopId: string, epoch: number) => LocalDesktop | undefined;
  readonly suspend: (name: string, report: (progress: ControlProgress) => void, signal: AbortSignal) => Promise<unknown>;
  readonly onDeparture: (name: string, by: string) => void;
}

/**
 * Another host of the account asks this one to suspend a desktop: it does, as if its person had typed it, and tells how it goes. The word of
 * the coordinator is enough for that: the worst that a lie brings about is a desktop that is safe in the store, or one that stays here.
 */
export class AskedDepartures {
  readonly #parts: AskedParts;
  /** Those under way, by desktop: what its own person suspends is nobody else's to call off. */
  readonly #under = new Map<LocalDesktop, AbortController>();

  constructor(parts: AskedParts) {
    this.#parts = parts;
  }

  async asked({ desktopId, epoch, by }: Extract<EventMessage, { type: 'departure-asked' }>): Promise<void> {
    const { log, find, suspend, onDeparture } = this.#parts;
    const desktop = find(desktopId, epoch);
    // What another epoch is asked for, or a departure that is under way already, is not this one's business.
    if (desktop === undefined || desktop.operation === 'departing' || this.#under.has(desktop)) return;
    log.info('departure-asked', { desktop: desktopId, epoch, by });
    const controller = new AbortController();
    this.#under.set(desktop, controller);
    onDeparture(desktop.name, by);
    try {
      await suspend(desktop.name, this.#reporter(desktopId, epoch), controller.signal);
    } catch (error) {
      const { message, code } = Fault.from(error);
      log.warn('departure-failed', { desktop: desktopId, epoch, by, error });
      await this.#tell(desktopId, epoch, { state: 'failed', phase: '', doneBytes: 0, totalBytes: null, found: `${message} [${code}]`.slice(0, foundCharsMax) });
    } finally {
      this.#under.delete(desktop);
    }
  }

  /** Whoever asked does not want it any more: it is rolled back, as far as that still goes. */
  calledOff({ desktopId, epoch, by }: Extract<EventMessage, { type: 'departure-called-off' }>): void {
    const desktop = this.#parts.find(desktopId, epoch);
    const controller = desktop === undefined ? undefined : this.#under.get(desktop);
    if (controller === undefined) return;
    this.#parts.log.info('departure-called-off', { desktop: desktopId, epoch, by });
    controller.abort(new Fault('CANCELLED'));
  }

  #reporter(desktopId: DesktopId, epoch: number): (progress: ControlProgress) => void {
    return tellPaced(this.#parts.clock, ({ phase, doneBytes, totalBytes }) => this.#tell(desktopId, epoch, { state: 'departing', phase: phase.slice(0, phaseCharsMax), doneBytes, totalBytes, found: null }));
  }

  async #tell(desktopId: DesktopId, epoch: number, told: Omit<BodyOf<Routes['tellDeparture']>, 'epoch'>): Promise<void> {
    try {
      await this.#parts.coordinator.call('tellDeparture', { params: { desktopId }, body: { epoch, ...told } }, { timeoutMs: answerMs });
    } catch (error) {
      // Whoever asked sees for itself what comes of it; this is only news.
      this.#parts.log.info('departure-not-told', { desktop: desktopId, code: Fault.from(error).code });
    }
  }
}
