import type { CheckpointNode, DesktopDetail, Move } from '@godwit/wire/operators';
import type { Chart, Point, Series } from '../charts/chart.ts';
import { bytesText, durationText } from '../words/figures.ts';

/** The charts of one desktop, oldest on the left. `time`: as the page writes times. */
export function desktopCharts({ checkpoints, moves }: Pick<DesktopDetail, 'checkpoints' | 'moves'>, time: (timeMs: number) => string): readonly Chart[] {
  const oldestFirst = checkpoints.toSorted((a, b) => a.sequence - b.sequence);
  const perCheckpoint = (name: string, about: string, figures: readonly Figure[], steps: Chart['steps'] = 'decimal'): Chart => ({
    name,
    about,
    of: 'checkpoint',
    steps,
    series: figures,
    points: oldestFirst.map((checkpoint) => pointOf(checkpoint, figures, time)),
  });
  return [
    perCheckpoint('Pause', 'How long the guest stood still for the checkpoint; short is good.', [{ name: 'Pause', write: durationText, read: ({ pauseMs }) => pauseMs }]),
    perCheckpoint('Durable after', 'From the command to the acknowledged commit; short is good.', [{ name: 'Durable after', write: durationText, read: ({ durableAfterMs }) => durableAfterMs }]),
    runningChart(moves, time),
    perCheckpoint('Bytes', 'What the guest had changed, and what of it the store had to take after compression.', [
      { name: 'Changed', write: bytesText, read: ({ bytesChanged }) => bytesChanged },
      { name: 'Stored', write: bytesText, read: ({ addedBytes }) => addedBytes },
    ], 'binary'),
    perCheckpoint('Reused', 'The part of what the checkpoint reaches that was in the store before it; much is good.', [{ name: 'Reused', write: percentText, read: reusedPercent }]),
  ];
}

type Figure = Series & { readonly read: (checkpoint: CheckpointNode) => number | null };

function pointOf(checkpoint: CheckpointNode, figures: readonly Figure[], time: (timeMs: number) => string): Point {
  const { sequence, acknowledgedMs } = checkpoint;
  return { x: sequence, tick: `${sequence}`, label: `checkpoint ${sequence}, ${time(acknowledgedMs)}`, values: figures.map(({ read }) => read(checkpoint)) };
}

/** A checkpoint that reaches nothing reuses nothing that could be counted. */
function reusedPercent({ bytes, addedBytes }: CheckpointNode): number | null {
  return bytes === 0 ? null : Math.max(0, 100 * (1 - addedBytes / bytes));
}

const percentText = (percent: number): string => `${percent.toFixed(percent < 99.95 ? 1 : 0)} %`;

function runningChart(moves: readonly Move[], time: (timeMs: number) => string): Chart {
  const resumes = moves.filter(({ kind, runningMs }) => kind === 'resume' && runningMs !== null).toSorted((a, b) => a.startedMs - b.startedMs);
  return {
    name: 'Running after',
    about: 'From the command to the running guest, of each resume; short is good.',
    of: 'resume',
    steps: 'decimal',
    series: [{ name: 'Running after', write: durationText }],
    points: resumes.map(({ hostName, startedMs, runningMs }, index) => ({ x: index + 1, tick: `${index + 1}`, label: `resume on ${hostName}, ${time(startedMs)}`, values: [runningMs] })),
  };
}
