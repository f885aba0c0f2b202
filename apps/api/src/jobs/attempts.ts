/** How often a round is tried before it is given up: transient faults of a database or a store have passed by then. */
export const attemptsMax = 5;

/** Before a round that failed so often in a row, at least once, is tried again: each time twice as long as the time before. */
export function pauseAfterMs(failures: number, againMs: number): number {
  return againMs * 2 ** (failures - 1);
}
