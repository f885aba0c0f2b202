import { protectionLimits, type DesktopRow, type Protection } from '@godwit/wire/operators';
import { roughText } from '../words/figures.ts';

/** How a desktop stands against what is asked of it, in words. Pure. */

const [fresh, late] = [roughText(protectionLimits.freshMs), roughText(protectionLimits.lateMs)];

export interface Rule {
  readonly protection: Protection;
  readonly when: string;
  /** Null: nothing is to be done. */
  readonly nextStep: string | null;
}

/** The whole policy, best first. */
export const policy: readonly Rule[] = [
  { protection: 'safe', when: 'No host holds it: all of it is in the store, and nothing is lost whichever host is.', nextStep: null },
  { protection: 'fresh', when: `A host holds it, and its newest checkpoint is at most ${fresh} old.`, nextStep: null },
  { protection: 'late', when: `A host holds it, and its newest checkpoint is older than ${fresh}, but not than ${late}.`, nextStep: 'See whether its host is in reach; its person can type godwit checkpoint there.' },
  { protection: 'unprotected', when: `A host holds it, and its newest checkpoint is older than ${late}.`, nextStep: 'Ask its person to type godwit checkpoint or godwit suspend on the host that holds it.' },
];
export const policyNote = 'Where there is no checkpoint yet, the time since it was created counts. The limits are the same for all desktops of this coordinator.';

/** What would be lost if its host were lost now: one sentence. */
export function lossText({ holder, durableMs, headSequence, condition }: Pick<DesktopRow, 'holder' | 'durableMs' | 'headSequence' | 'condition'>, nowMs: number): string {
  if (holder === null) return headSequence === null ? 'Nothing would be lost: it has never run.' : 'Nothing would be lost: all of it is in the store.';
  if (durableMs === null) return `If ${holder.name} is lost now, all of it is lost: it has no checkpoint yet.`;
  const moving = condition === 'departing' ? ' What is there now is on its way to the store.' : '';
  return `If ${holder.name} is lost now, ${roughText(nowMs - durableMs)} of work goes with it: what came after checkpoint ${headSequence ?? '?'}.${moving}`;
}
