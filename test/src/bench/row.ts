import { table } from '@godwit/agent';

export type Unit = 'ms' | 'bytes' | 'MB/s' | 'pages';

/** What was set as the goal of a row: `limit` is in the row's unit, or follows from the peer of the same run. */
export interface Bar {
  /** As people read it. */
  readonly text: string;
  readonly limit: number;
  readonly met: boolean;
}

/** How a bar is set: so many times the peer's figure and so much more. Without `factor` the peer does not matter. */
export interface BarRule {
  readonly factor?: number;
  readonly plus?: number;
  /** Where more is better. */
  readonly atLeast?: true;
}

/** One comparison: what we take and what a peer takes for the same thing, in the same run. */
export interface BenchRow {
  readonly name: string;
  readonly guestMiB: number;
  readonly link: string;
  readonly load: string;
  /** Median of the runs, in `unit`. */
  readonly ours: number;
  readonly oursRange: readonly [number, number];
  readonly peer: number | null;
  readonly peerRange: readonly [number, number] | null;
  readonly peerName: string;
  readonly unit: Unit;
  /** Ours over the peer's; null without a peer. */
  readonly ratio: number | null;
  /** How many values `ours` is the median of. */
  readonly runs: number;
  readonly peerRuns: number;
  readonly bar: Bar | null;
}

export type Place = Pick<BenchRow, 'guestMiB' | 'link' | 'load'>;

export interface RowValues {
  readonly name: string;
  readonly unit: Unit;
  readonly ours: readonly number[];
  readonly peerName: string;
  /** Empty where nobody does the same. */
  readonly peer: readonly number[];
  readonly bar?: BarRule | undefined;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('a median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function row({ name, unit, ours, peerName, peer, bar }: RowValues, place: Place): BenchRow {
  const [own, other] = [median(ours), peer.length === 0 ? null : median(peer)];
  return {
    name, ...place, ours: own, oursRange: rangeOf(ours), peer: other, peerRange: other === null ? null : rangeOf(peer), peerName, unit,
    ratio: other === null || other === 0 ? null : own / other,
    runs: ours.length, peerRuns: peer.length, bar: bar === undefined ? null : barOf(bar, own, other, unit),
  };
}

/** Null where the bar is a multiple of the peer's figure and there is none. */
function barOf({ factor = 0, plus = 0, atLeast }: BarRule, own: number, other: number | null, unit: Unit): Bar | null {
  if (factor !== 0 && other === null) return null;
  const limit = factor * (other ?? 0) + plus;
  const parts = [...(factor === 0 ? [] : [`${factor} x peer`]), ...(plus === 0 ? [] : [amount(plus, unit)])];
  return { text: `${atLeast ? '>=' : '<='} ${parts.join(' + ')}`, limit, met: atLeast ? own >= limit : own <= limit };
}

function rangeOf(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

export function amount(value: number, unit: Unit): string {
  if (unit !== 'bytes') return `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`;
  if (value < 1e6) return `${(value / 1e3).toFixed(value < 1e4 ? 1 : 0)} kB`;
  return `${(value / 1e6).toFixed(value < 1e8 ? 2 : 0)} MB`;
}

/** The fields of one row as people read them: what, ours, peer, ratio, bar, whether it was met, runs, peer's name. */
export function rowTexts({ name, ours, peer, unit, ratio, runs, peerRuns, bar, peerName }: BenchRow): string[] {
  return [
    name, amount(ours, unit), peer === null ? '' : amount(peer, unit), ratio === null ? '' : ratio.toFixed(ratio < 0.1 ? 3 : 2), bar?.text ?? '', bar === null ? '' : bar.met ? 'met' : 'MISSED', peerRuns === 0 ? `${runs}` : `${runs}/${peerRuns}`, peerName,
  ];
}

export function benchTable(rows: readonly BenchRow[]): string {
  const lines = rows.map((one) => {
    const [name, ...rest] = rowTexts(one);
    return [name!, `${one.guestMiB}`, one.link, one.load, ...rest];
  });
  return table([['WHAT', 'MiB', 'LINK', 'LOAD', 'OURS', 'PEER', 'RATIO', 'BAR', '', 'RUNS', 'PEER IS'], ...lines], ['left', 'right', 'left', 'left', 'right', 'right', 'right', 'left', 'left', 'right', 'left']);
}
