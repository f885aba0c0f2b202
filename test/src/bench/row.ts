import { table } from '@godwit/agent';

/** One comparison: what we take and what a peer takes for the same thing, in the same run. */
export interface BenchRow {
  readonly name: string;
  readonly guestMiB: number;
  readonly link: string;
  readonly load: string;
  /** Median of the runs, in `unit`. */
  readonly ours: number;
  readonly peer: number | null;
  readonly peerName: string;
  readonly unit: 'ms' | 'bytes' | 'MB/s' | 'pages';
  /** Ours over the peer's; null without a peer. */
  readonly ratio: number | null;
  /** How many values the medians are of: ours, the peer's. */
  readonly runs: readonly [number, number];
}

export type Place = Pick<BenchRow, 'guestMiB' | 'link' | 'load'>;

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('a median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** `peer`: its values, or undefined where nobody does the same. */
export function row(name: string, place: Place, unit: BenchRow['unit'], ours: readonly number[], peerName: string, peer?: readonly number[]): BenchRow {
  const [own, other] = [median(ours), peer === undefined ? null : median(peer)];
  return { name, ...place, ours: own, peer: other, peerName, unit, ratio: other === null || other === 0 ? null : own / other, runs: [ours.length, peer?.length ?? 0] };
}

export function benchTable(rows: readonly BenchRow[]): string {
  const lines = rows.map(({ name, guestMiB, link, load, ours, peer, peerName, unit, ratio, runs }) => [
    name, `${guestMiB}`, link, load, amount(ours, unit), peer === null ? '' : amount(peer, unit), ratio === null ? '' : ratio.toFixed(ratio < 0.1 ? 3 : 2), runs.join('/'), peerName,
  ]);
  return table([['WHAT', 'MiB', 'LINK', 'LOAD', 'OURS', 'PEER', 'RATIO', 'RUNS', 'PEER IS'], ...lines], ['left', 'right', 'left', 'left', 'right', 'right', 'right', 'right', 'left']);
}

function amount(value: number, unit: BenchRow['unit']): string {
  if (unit === 'bytes') return `${(value / 1e6).toFixed(value < 1e7 ? 2 : 0)} MB`;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`;
}
