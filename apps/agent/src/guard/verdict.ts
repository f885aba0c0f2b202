/** How long before the deadline of a strict lease the guard acts. `lease-times.ts` of libs/wire has the values; the guard is told them when it is started. */
export interface GuardTimes {
  readonly pauseMs: number;
  readonly killMs: number;
  /** No lease reaches further ahead: a deadline that does is none. */
  readonly aheadMs: number;
}

export type GuardVerdict = 'run' | 'pause' | 'kill';

/** What the guard of a strict desktop does at `nowMs`. Both on CLOCK_BOOTTIME, ms. Pure. */
export function guardVerdict(nowMs: number, deadlineMs: number, { pauseMs, killMs }: GuardTimes): GuardVerdict {
  if (nowMs >= deadlineMs - killMs) return 'kill';
  return nowMs >= deadlineMs - pauseMs ? 'pause' : 'run';
}
