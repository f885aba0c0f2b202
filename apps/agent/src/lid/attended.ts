import { Fault } from '@godwit/base';
import type { ControlResult } from '@godwit/wire';
import type { Happening } from '../notify/notice.ts';
import type { LidLock } from './lid-lock.ts';

export interface Attendance {
  readonly lid: Pick<LidLock, 'hold' | 'capMs'>;
  readonly notices: { readonly tell: (happening: Happening) => void };
}

/** What is said of a desktop whose departure failed. */
export interface Leaving {
  readonly name: string;
  readonly commitPending: boolean;
  readonly mayRun: boolean;
  /** Undefined: none runs. */
  readonly machine?: unknown;
}

/** Runs a departure with the lid held, and tells its person how it ended: that the lid may be closed, or that it may not. */
export async function attended(attendance: Attendance, desktop: Leaving, depart: () => Promise<ControlResult<'suspend'>>): Promise<ControlResult<'suspend'>> {
  const { lid, notices } = attendance;
  const { name } = desktop;
  const letGo = lid.hold(name, () => notices.tell({ kind: 'lid-free', name, capMs: lid.capMs }));
  try {
    const result = await depart();
    notices.tell(result.safe ? { kind: 'safe', name, sequence: result.sequence } : { kind: 'saved-here', name, reason: result.reason });
    return result;
  } catch (error) {
    const { code, message } = Fault.from(error);
    // Whoever called it off has been told where they did.
    if (code !== 'CANCELLED' && code !== 'DESKTOP_BUSY') notices.tell({ kind: 'not-suspended', name, message, unknown: desktop.commitPending, runs: desktop.machine !== undefined && desktop.mayRun });
    throw error;
  } finally {
    letGo();
  }
}
