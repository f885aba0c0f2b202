import type { Random } from '@godwit/base';
import type { GuestTick } from '../house/guest.ts';
import type { FaultRow } from './table-b.ts';
import type { Actor, Stage, StageWish } from './stage.ts';

/** One kind of fault, done to real processes. The registry (registry.ts) has them all; the campaign runs them and judges each run by the oracles. */
export interface RealFault {
  /** Unique, in words with dashes: what `--only` takes. */
  readonly name: string;
  /** The row of the table of faults that it is a part of, word by word. */
  readonly row: FaultRow;
  /** What is done, in one sentence. */
  readonly does: string;
  /** Runs of a quick campaign; 0 for what takes too long for it. */
  readonly quickRuns: number;
  readonly fullRuns: number;
  /** Another house than the usual one. Faults with the same wish share one. */
  readonly wish?: StageWish;
  /** Why it cannot be done on this machine; undefined: it can. */
  readonly lacks?: () => string | undefined;
  /**
   * Does it once. When it is called, the desktop runs on `stage.holder` with everything there, and `stage.seen` is a tick of it. It leaves what was
   * killed dead and what was cut off cut off, if that belongs to it: the campaign mends everything afterwards, brings the desktop
   * back as its user would, and asks the oracles. `run` counts from 0 to below `runs`, and chooses among variants (`variant`); `random` is of this
   * run alone. Throws only for what it could not do; what should not have happened is a violation.
   */
  run(stage: Stage, random: Random, run: number, runs: number): Promise<Happened>;
}

/** How far a guest may be set back by a fault. */
export type Ending =
  /** Not at all: the same running system, past `stage.seen`. */
  | 'goes-on'
  /** To the newest acknowledged checkpoint, and not behind it. */
  | 'from-checkpoint'
  /** It was switched off: it boots again from its disk, which has all that its file system had synced. */
  | 'from-disk';

export interface Happened {
  /** Any of these is right. */
  readonly ends: readonly Ending[];
  /** Commands that ended without knowing whether what they asked for happened. */
  readonly unknownOutcomes?: number;
  /** What this fault itself saw and should not have. */
  readonly violations?: readonly string[];
  /** Its user took the desktop over: the older copy may have run on, has to end as a desktop of its own, and be there with what it did until then. */
  readonly leftBehind?: LeftBehind;
  /** The house is not good for another fault. */
  readonly spent?: boolean;
}

export interface LeftBehind {
  /** Where the copy was. */
  readonly actor: Actor;
  /** The newest tick that it was seen at before it was told; undefined for a copy that cannot become anything: its host was revoked, and it stands still. */
  readonly seen: GuestTick | undefined;
}

/** A number below `limit`. */
export function pick(random: Random, limit: number): number {
  return random(4).readUInt32LE() % limit;
}

export function pickOf<Value>(random: Random, values: readonly Value[]): Value {
  const value = values[pick(random, values.length)];
  if (value === undefined) throw new Error('nothing to pick from');
  return value;
}

/** One of the variants of a fault: each in turn where there are runs enough for all of them, else any. */
export function variant<Value>(all: readonly Value[], random: Random, run: number, runs: number): Value {
  return runs < all.length ? pickOf(random, all) : all[run % all.length]!;
}
