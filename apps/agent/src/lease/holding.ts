import type { OfflineMode } from '@godwit/wire';

/**
 * What this host may do with a desktop that it holds, as a pure table: no clock, no socket, no QEMU. The simulation (test/src/sim) drives
 * the same table. Whether the guest also has another reason to stand still (a capture, a commit of unknown outcome) is not its business.
 */
export type HoldingState =
  /** The coordinator's last word is that the epoch is current. The guest may run; of a strict desktop, until its deadline. */
  | 'confirmed'
  /** Not strict: no word, the guest runs on. */
  | 'alone'
  /** The machine is about to sleep, or slept: the guest stands still. */
  | 'asleep'
  /** It woke up: the guest stands still, and an answer is awaited for `wakeAnswerMs`. */
  | 'asking'
  /** Strict: no word in time, the guest stands still until there is one. */
  | 'waiting'
  /** Another epoch is current: the guest never runs under this one again. */
  | 'superseded';

export type HoldingEvent =
  /** An answer to a question that was sent after the last `sleep` and `wake`: the epoch is current. */
  | 'current'
  /** Whoever says so: an answer, a message of the event stream, a refused commit. */
  | 'superseded'
  /** Nobody answered in time. */
  | 'silence'
  | 'sleep'
  /** Also when the boot clock ran ahead of the working clock: then the machine slept and nobody said so before. */
  | 'wake'
  /** Strict: `guardPauseMs` before the deadline, and not renewed. */
  | 'term-near';

export type HoldingAction =
  | 'none'
  /** The guest stands still, now. */
  | 'pause'
  /** It may run, unless something else holds it. */
  | 'go-on'
  /** It stands still, and what is here becomes a desktop of its own. */
  | 'fork';

export interface HoldingStep {
  readonly state: HoldingState;
  readonly action: HoldingAction;
}

type Row = Readonly<Record<HoldingEvent, HoldingStep>>;

const to = (state: HoldingState, action: HoldingAction = 'none'): HoldingStep => ({ state, action });
const forked = to('superseded', 'fork');
const ended = to('superseded');

export const holdingTable: Readonly<Record<OfflineMode, Readonly<Record<HoldingState, Row>>>> = {
  keep: {
    confirmed: { 'current': to('confirmed'), 'superseded': forked, 'silence': to('alone'), 'sleep': to('asleep', 'pause'), 'wake': to('asking', 'pause'), 'term-near': to('confirmed') },
    alone: { 'current': to('confirmed'), 'superseded': forked, 'silence': to('alone'), 'sleep': to('asleep', 'pause'), 'wake': to('asking', 'pause'), 'term-near': to('alone') },
    asleep: { 'current': to('asleep'), 'superseded': forked, 'silence': to('asleep'), 'sleep': to('asleep'), 'wake': to('asking'), 'term-near': to('asleep') },
    asking: { 'current': to('confirmed', 'go-on'), 'superseded': forked, 'silence': to('alone', 'go-on'), 'sleep': to('asleep'), 'wake': to('asking'), 'term-near': to('asking') },
    // It was strict a moment ago.
    waiting: { 'current': to('confirmed', 'go-on'), 'superseded': forked, 'silence': to('alone', 'go-on'), 'sleep': to('asleep'), 'wake': to('asking'), 'term-near': to('waiting') },
    superseded: { 'current': ended, 'superseded': ended, 'silence': ended, 'sleep': ended, 'wake': ended, 'term-near': ended },
  },
  stop: {
    confirmed: { 'current': to('confirmed'), 'superseded': forked, 'silence': to('confirmed'), 'sleep': to('asleep', 'pause'), 'wake': to('asking', 'pause'), 'term-near': to('waiting', 'pause') },
    // It was not strict a moment ago.
    alone: { 'current': to('confirmed'), 'superseded': forked, 'silence': to('waiting', 'pause'), 'sleep': to('asleep', 'pause'), 'wake': to('asking', 'pause'), 'term-near': to('waiting', 'pause') },
    asleep: { 'current': to('asleep'), 'superseded': forked, 'silence': to('asleep'), 'sleep': to('asleep'), 'wake': to('asking'), 'term-near': to('asleep') },
    asking: { 'current': to('confirmed', 'go-on'), 'superseded': forked, 'silence': to('waiting'), 'sleep': to('asleep'), 'wake': to('asking'), 'term-near': to('waiting') },
    waiting: { 'current': to('confirmed', 'go-on'), 'superseded': forked, 'silence': to('waiting'), 'sleep': to('asleep'), 'wake': to('asking'), 'term-near': to('waiting') },
    superseded: { 'current': ended, 'superseded': ended, 'silence': ended, 'sleep': ended, 'wake': ended, 'term-near': ended },
  },
};

export function nextHolding(mode: OfflineMode, state: HoldingState, event: HoldingEvent): HoldingStep {
  return holdingTable[mode][state][event];
}

/** Whether the guest of a desktop in this state may run. */
export function mayRun(state: HoldingState): boolean {
  return state === 'confirmed' || state === 'alone';
}
