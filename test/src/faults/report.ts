import { durationText, table } from '@godwit/agent';
import type { Tally } from './campaign.ts';

type Totals = Pick<Tally, 'runs' | 'violations' | 'unknownOutcomes' | 'slowestRecoveryMs'>;

export function totalsOf(tallies: readonly Tally[]): Totals {
  const sum = (figure: keyof Totals): number => tallies.reduce((total, tally) => total + tally[figure], 0);
  return { runs: sum('runs'), violations: sum('violations'), unknownOutcomes: sum('unknownOutcomes'), slowestRecoveryMs: Math.max(0, ...tallies.map(({ slowestRecoveryMs }) => slowestRecoveryMs)) };
}

export function tallyTable(tallies: readonly Tally[]): string {
  const line = (name: string, { runs, violations, unknownOutcomes, slowestRecoveryMs }: Totals): string[] => [name, String(runs), String(violations), String(unknownOutcomes), durationText(slowestRecoveryMs)];
  const done = tallies.filter(({ skipped }) => skipped === null);
  const rows = [...done.map((tally) => line(tally.name, tally)), line('all', totalsOf(done))];
  const skipped = tallies.filter((tally) => tally.skipped !== null).map(({ name, skipped: why }) => `skipped ${name}: ${why}`);
  return [table([['fault', 'runs', 'violations', 'unknown', 'slowest recovery'], ...rows], ['left', 'right', 'right', 'right', 'right']), ...skipped].join('\n');
}
