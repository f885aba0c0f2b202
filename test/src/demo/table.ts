import { bytesText, durationText, table } from '@godwit/agent';
import type { Move, Story } from './story.ts';

const count = (number: number): string => number.toLocaleString('en');

type Row = readonly [string, (move: Move) => string];

const rows: readonly Row[] = [
  ['captured', ({ depart }) => bytesText(depart.ramBytesScanned)],
  ['  pages changed', ({ depart }) => count(depart.pagesChanged)],
  ['  disk clusters written', ({ depart }) => count(depart.diskPagesWritten)],
  ['uploaded, sealed', ({ depart }) => bytesText(depart.bytesUploaded)],
  ['guest paused for it', ({ depart }) => durationText(depart.pauseMs)],
  ['safe in the store', ({ depart }) => durationText(depart.durableMs)],
  ['running again', ({ arrive }) => durationText(arrive.runningMs ?? NaN)],
  ['  fetched by then', ({ arrive }) => bytesText(arrive.bytesBeforeRunning)],
  ['first sign of life', ({ arrive }) => durationText(arrive.firstOutputMs ?? NaN)],
  ['everything there', ({ arrive }) => durationText(arrive.completeMs ?? NaN)],
  ['  fetched in all', ({ arrive }) => bytesText(arrive.bytesFetched)],
  ['  was in the cache', ({ arrive }) => bytesText(arrive.bytesFromCache)],
  ['  sent before it asked', ({ arrive }) => count(arrive.pagesPrefetched)],
  ['  pages asked for', ({ arrive }) => count(arrive.pagesOnDemand)],
  ['stood still in all', ({ stoodStillMs }) => durationText(stoodStillMs)],
  ["guest's counter", ({ before, after }) => `${before.counter} -> ${after.counter}`],
  ["guest's uptime", ({ before, after }) => `${before.uptimeSeconds} -> ${after.uptimeSeconds} s`],
  ['memory, disk', ({ after }) => `${after.memoryOk ? 'ok' : 'BAD'}, ${after.diskOk ? 'ok' : 'BAD'}`],
];

/** The figures of all moves side by side, times from the command on. */
export function storyTable({ moves }: Story): string {
  const head = ['', ...moves.map(({ from, to }) => `${from} -> ${to}`)];
  const lines = rows.map(([label, value]) => [label, ...moves.map(value)]);
  return table([head, ...lines], ['left', ...moves.map(() => 'right' as const)]);
}
