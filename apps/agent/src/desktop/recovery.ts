import type { DesktopRecord } from './record.ts';

/**
 * What an agent that starts does with each desktop it finds, as a pure table: the record on disk says what was going on, the processes of the
 * machine say how far it came. The same as prose: docs/protocol.md, "After a crash". Carried out by recover.ts.
 */

/**
 * `none`: the folder was being made or removed when the agent ended, and holds nothing. `damaged`: it holds something, and no record that can be
 * read. `pending`: settled, and the outcome of its newest background checkpoint is not known.
 */
export type RecordFound = 'none' | 'damaged' | 'pending' | DesktopRecord['stage'];
/** The QEMU that the record names; of a damaged record, any that works in the folder. `silent`: it is there and does not answer. */
export type MachineFound = 'gone' | 'answers' | 'silent';

/**
 * What becomes of that QEMU. `wait`: asked again every `askMachineEveryMs` until it answers or has ended, and its person is told. `hold`: its
 * guest stands still. Any other QEMU that works in the folder is ended first, except of a damaged record: nobody knows which is the right one.
 */
export type MachineStep = 'none' | 'end' | 'take-on' | 'hold' | 'wait';
/** What then goes on. */
export type NextStep = 'remove' | 'show-damage' | 'give-up' | 'stand-ready' | 'ask-checkpoint' | 'ask-commit' | 'upload' | 'leave';
/** Where it ends. `nothing`: there never was a desktop. */
export type RecoveryEnd = 'runs-here' | 'in-the-store' | 'ask-the-user' | 'nothing';

export interface RecoveryRow {
  readonly machine: MachineStep;
  readonly next: NextStep;
  readonly ends: readonly RecoveryEnd[];
}

const row = (machine: MachineStep, next: NextStep, ...ends: RecoveryEnd[]): RecoveryRow => ({ machine, next, ends });
const removed = row('end', 'remove', 'nothing');
// What it has is worth nothing without the pages that never came; one that waits for a page answers nobody.
const givenUp = row('end', 'give-up', 'in-the-store');
// Its memory was in the saved checkpoint, and durable, before the record said so: a machine that is still there stood still since.
const savedHere = row('end', 'upload', 'in-the-store', 'runs-here');

/** What the record says was going on. */
export function recordFound({ stage, pending }: Pick<DesktopRecord, 'stage' | 'pending'>): RecordFound {
  return stage === 'settled' && pending !== null ? 'pending' : stage;
}

export const recoveryTable: Readonly<Record<RecordFound, Readonly<Record<MachineFound, RecoveryRow>>>> = {
  none: { gone: { ...removed, machine: 'none' }, answers: removed, silent: removed },
  // Nobody knows whether it may run; held, nothing of it is lost.
  damaged: { gone: row('none', 'show-damage', 'ask-the-user'), answers: row('hold', 'show-damage', 'ask-the-user'), silent: row('wait', 'show-damage', 'ask-the-user') },
  // Gone: it starts from its disk as after a power cut, or goes back to its checkpoint; which one is for its person to say.
  settled: { gone: row('none', 'stand-ready', 'ask-the-user'), answers: row('take-on', 'stand-ready', 'runs-here'), silent: row('wait', 'stand-ready', 'runs-here', 'ask-the-user') },
  // Settled as well: its guest runs on whatever the outcome, and nothing else is committed before it is known.
  pending: { gone: row('none', 'ask-checkpoint', 'ask-the-user'), answers: row('take-on', 'ask-checkpoint', 'runs-here'), silent: row('wait', 'ask-checkpoint', 'runs-here', 'ask-the-user') },
  arriving: { gone: { ...givenUp, machine: 'none' }, answers: givenUp, silent: givenUp },
  // Refused, it runs on where there is a machine, and is switched off where there is none.
  committing: { gone: row('none', 'ask-commit', 'in-the-store', 'ask-the-user'), answers: row('take-on', 'ask-commit', 'in-the-store', 'runs-here'), silent: row('wait', 'ask-commit', 'in-the-store', 'ask-the-user') },
  saved: { gone: { ...savedHere, machine: 'none' }, answers: savedHere, silent: savedHere },
  // It never runs again under its name; what is here becomes a desktop of its own, safe in the store.
  left: { gone: row('none', 'leave', 'in-the-store', 'ask-the-user'), answers: row('take-on', 'leave', 'in-the-store'), silent: row('wait', 'leave', 'in-the-store', 'ask-the-user') },
};
