import { Fault, type Clock, type Log } from '@godwit/base';
import type { ControlProgress, EventMessage } from '@godwit/wire';
import type { Coordinator } from '../account/coordinator.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';

/** Whoever asked looks at a line on a screen. */
const tellEveryMs = 500;
const answerMs = 4_000;
const foundCharsMax = 512;
const phaseCharsMax = 32;

export interface AskedParts {
  readonly coordinator: Pick<Coordinator, 'call'>;
  readonly clock: Clock;
  readonly log: Log;
  /** The desktop in its epoch, where this host holds it. */
  readonly find: (desktopId: string, epoch: number) => LocalDesktop | undefined;
  readonly suspend: (name: string, report: (progress: ControlProgress) => void) => Promise<unknown>;
}

/**
 * Another host of the account asks this one to suspend a desktop: it does, as if its person had typed it, and tells how it goes. The word of
 * the coordinator is enough for that: the worst that a lie brings about is a desktop that is safe in the store.
 */
export async function departWhenAsked(parts: AskedParts, { desktopId, epoch, by }: Extract<EventMessage, { type: 'departure-asked' }>): Promise<void> {
  const { clock, log, find, suspend } = parts;
  const desktop = find(desktopId, epoch);
  // What another epoch is asked for, or a departure that is under way already, is not this one's business.
  if (desktop === undefined || desktop.operation === 'departing') return;
  log.info('departure-asked', { desktop: desktopId, epoch, by });
  let toldMs = -Infinity;
  let telling = false;
  const tell = async (state: 'departing' | 'failed', progress: { phase: string; doneBytes: number; totalBytes: number | null }, found: string | null): Promise<void> => {
    const { phase, doneBytes, totalBytes } = progress;
    try {
      await parts.coordinator.call('tellDeparture', { params: { desktopId }, body: { epoch, state, phase: phase.slice(0, phaseCharsMax), doneBytes, totalBytes, found } }, { timeoutMs: answerMs });
    } catch (error) {
      // Whoever asked sees for itself what comes of it; this is only news.
      log.info('departure-not-told', { desktop: desktopId, code: Fault.from(error).code });
    }
  };
  const report = (progress: ControlProgress): void => {
    if (telling || clock.workMs() - toldMs < tellEveryMs) return;
    telling = true;
    toldMs = clock.workMs();
    void tell('departing', progress, null).finally(() => (telling = false));
  };
  try {
    await suspend(desktop.name, report);
  } catch (error) {
    const { message, code } = Fault.from(error);
    log.warn('departure-failed', { desktop: desktopId, epoch, by, error });
    await tell('failed', { phase: '', doneBytes: 0, totalBytes: null }, `${message} [${code}]`.slice(0, foundCharsMax));
  }
}
