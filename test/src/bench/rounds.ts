/**
 * The numbers 1 to `runs`, as long as another round would end by `endMs` if it took as long as the longest before: a slow machine gets
 * fewer rounds, never none.
 */
export function* rounds(runs: number, endMs: number, now: () => number = () => performance.now()): Generator<number, void> {
  let longestMs = 0;
  for (let round = 1; round <= runs; round += 1) {
    const startedMs = now();
    if (round > 1 && startedMs + longestMs > endMs) return;
    yield round;
    longestMs = Math.max(longestMs, now() - startedMs);
  }
}
