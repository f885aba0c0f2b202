import type { MoveReport } from '@godwit/wire';

/** What is kept of a move: the newest word, made to agree with those before it. */
export type Told = Omit<MoveReport, 'moveId' | 'epoch'>;

/**
 * The next word about a move, after what was told `before`. Bytes never go back and never above the total; what has ended does not run again
 * (a word may come late). `advanced`: it got further, or on to another phase.
 */
export function mergeReport(before: Told | undefined, report: Told): { told: Told; advanced: boolean } {
  if (before !== undefined && before.state !== 'running' && report.state === 'running') return { told: before, advanced: false };
  const bound = report.totalBytes ?? Number.MAX_SAFE_INTEGER;
  // A total may shrink when more is known; then what is done is all of it.
  const doneBytes = Math.min(bound, Math.max(before?.doneBytes ?? 0, report.doneBytes));
  const told = { ...report, doneBytes };
  return { told, advanced: before === undefined || doneBytes > before.doneBytes || report.phase !== before.phase || report.state !== before.state };
}
