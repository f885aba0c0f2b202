/** How often a round is tried before it is given up: transient faults of a database or a store have passed by then. */
export const attemptsMax = 5;

/** Before a round that failed so often in a row, at least once, is tried again: each time twice as long as the time before. */
export function pauseAfterMs(failures: number, againMs: number): number {
  return againMs * 2 ** (failures - 1);
}

/** When rounds begin. */
export interface Pace {
  /** From the end of one round to the beginning of the next. */
  readonly everyMs: number;
  /** The same of jobs that have a pace of their own. */
  readonly ownEveryMs?: Readonly<Record<string, number>>;
  /** After the first failure of a round. */
  readonly againMs: number;
}

export function everyMsOf({ everyMs, ownEveryMs = {} }: Pace, job: string): number {
  return ownEveryMs[job] ?? everyMs;
}

/** From the end of a round to the next one's beginning, or to the next attempt. `failures`: how often it failed in a row; 0: it ended well. */
export function untilNextMs(pace: Pace, job: string, failures: number): number {
  return failures === 0 || failures >= attemptsMax ? everyMsOf(pace, job) : pauseAfterMs(failures, pace.againMs);
}
