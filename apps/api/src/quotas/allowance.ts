/** How moves are counted: an hour's worth may be taken at once, and comes back steadily. Pure. */

export const hourMs = 3_600_000;

export interface Allowance {
  /** Until when the moves that were taken would last if one came every `hour / most`. */
  readonly untilMs: number;
  /** Moves an hour. */
  readonly most: number;
}

/** The allowance after one more move, or how long that has to wait; Infinity where none is allowed. */
export function takeOne({ untilMs, most }: Allowance, nowMs: number): { readonly untilMs: number } | { readonly waitMs: number } {
  if (most === 0) return { waitMs: Infinity };
  const stepMs = hourMs / most;
  const afterMs = Math.max(untilMs, nowMs) + stepMs;
  const waitMs = afterMs - nowMs - hourMs;
  // Half a step: these are sums of fractions.
  return waitMs > stepMs / 2 ? { waitMs } : { untilMs: afterMs };
}

/** How many are taken now, at most `most`. */
export function takenOf({ untilMs, most }: Allowance, nowMs: number): number {
  const taken = Math.ceil((Math.max(untilMs - nowMs, 0) * most) / hourMs - 0.01);
  return Math.min(Math.max(taken, 0), most);
}
