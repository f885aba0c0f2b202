/** When the next background checkpoint of a desktop is due, as pure rules. All times in milliseconds. */

export interface PaceSeen {
  /** What its user asked for. */
  readonly everyMs: number;
  /** Since the last checkpoint that was made began; undefined: none was since it is protected here, and one is due at once. */
  readonly sinceMadeMs: number | undefined;
  /** How long that one took, to the acknowledged commit: what the guest had changed, over what the link carries. */
  readonly tookMs: number;
  /** Attempts that failed since. */
  readonly failures: number;
  /** Since the last of them. */
  readonly sinceFailedMs: number;
  /** Of one processor, what QEMU used since the last checkpoint, 0 to the number of processors; undefined: not known. */
  readonly busyShare: number | undefined;
}

/** Checkpoints take at most this part of the time. */
export const workShareMax = 0.25;
/** Below this nobody is at work in the guest: timers tick and clocks are updated. */
export const idleShare = 0.02;
/** One that is idle is put off for at most so many intervals. */
export const idleIntervalsMax = 4;
const firstAgainMs = 10_000;
const againMsMax = 10 * 60_000;

/** The shortest time from one checkpoint's beginning to the next one's. */
export function intervalMs({ everyMs, tookMs }: Pick<PaceSeen, 'everyMs' | 'tookMs'>): number {
  return Math.max(everyMs, tookMs / workShareMax);
}

/** After a failure: sooner than a whole interval at first, then later and later. */
export function againMs(everyMs: number, failures: number): number {
  return Math.min(Math.max(everyMs, againMsMax), firstAgainMs * 2 ** Math.min(failures - 1, 20));
}

export function isDue(seen: PaceSeen): boolean {
  const { failures, sinceFailedMs, sinceMadeMs, everyMs, busyShare } = seen;
  if (failures > 0) return sinceFailedMs >= againMs(everyMs, failures);
  if (sinceMadeMs === undefined) return true;
  if (sinceMadeMs < intervalMs(seen)) return false;
  const idle = busyShare !== undefined && busyShare < idleShare;
  return !idle || sinceMadeMs >= everyMs * idleIntervalsMax;
}
