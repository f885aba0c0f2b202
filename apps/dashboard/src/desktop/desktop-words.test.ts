import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CheckpointNode, DesktopRow, Move } from '@godwit/wire/operators';
import { spokenAt, summaryOf } from '../charts/chart.ts';
import { lossText, policy } from '../desktops/protection.ts';
import { desktopCharts } from './desktop-charts.ts';
import { nodeText, pastLayout } from './checkpoint-graph.ts';

const time = (timeMs: number): string => `at ${timeMs}`;
const checkpoint = (sequence: number, more: Partial<CheckpointNode> = {}): CheckpointNode => ({
  sequence, digest: `digest ${sequence}`, parent: sequence === 1 ? null : `digest ${sequence - 1}`, epoch: 2, hostId: 'ab'.repeat(16) as CheckpointNode['hostId'], hostName: 'laptop-a', createdMs: 1, acknowledgedMs: 1000 * sequence,
  bytes: 4096, released: false, dropped: false, addedBytes: 1024, pauseMs: 12, durableAfterMs: 2000, bytesChanged: 8192, ...more,
});
const line = [checkpoint(3), checkpoint(2, { dropped: true }), checkpoint(1)];

describe('the graph of checkpoints', () => {
  const past = { checkpoints: line, forks: [{ desktopId: 'f1', name: 'try', sequence: 2 }], forkedFrom: { desktopId: 'o1', name: 'work', sequence: 9 } } as unknown as Parameters<typeof pastLayout>[0];

  test('has checkpoints, forks above what they were made from, and the origin below all', () => {
    const { placed } = pastLayout(past, 10);
    deepEqual(placed.map(({ node, lane }) => [nodeText(node, time), lane]), [
      ['Checkpoint 3, the head, at 3000, 4.0 KiB, 1.0 KiB of it new, pause 12 ms, by laptop-a in epoch 2', 0],
      ['try was forked from checkpoint 2', 1],
      ['Checkpoint 2, dropped, at 2000, 4.0 KiB, 1.0 KiB of it new, pause 12 ms, by laptop-a in epoch 2', 0],
      ['Checkpoint 1, at 1000, 4.0 KiB, 1.0 KiB of it new, pause 12 ms, by laptop-a in epoch 2', 0],
      ['forked from checkpoint 9 of work', 0],
    ]);
  });

  test('shows the newest only where there are many, and that older ones follow', () => {
    const { placed, edges } = pastLayout({ ...past, checkpoints: line.toReversed() }, 1);
    deepEqual(placed.map(({ node: { id } }) => id), ['digest 3']);
    equal(edges[0]?.lower, null);
  });
});

describe('the charts of a desktop', () => {
  const resume = { kind: 'resume', runningMs: 650, startedMs: 7, hostName: 'laptop-b' } as Move;
  const charts = desktopCharts({ checkpoints: [checkpoint(3, { pauseMs: null }), checkpoint(2), checkpoint(1, { bytes: 0 })], moves: [resume, { ...resume, kind: 'suspend' }, { ...resume, runningMs: null }] }, time);

  test('are five, each with its own name', () => deepEqual(charts.map(({ name }) => name), ['Pause', 'Durable after', 'Running after', 'Bytes', 'Reused']));

  test('are summed up from the checkpoints and resumes that told', () => {
    deepEqual(charts.map(summaryOf), [
      'Pause of 2 checkpoints: from 12 ms to 12 ms, median 12 ms, newest 12 ms.',
      'Durable after of 3 checkpoints: from 2.00 s to 2.00 s, median 2.00 s, newest 2.00 s.',
      'Running after of one resume: 650 ms.',
      'Changed of 3 checkpoints: from 8.0 KiB to 8.0 KiB, median 8.0 KiB, newest 8.0 KiB. Stored of 3 checkpoints: from 1.0 KiB to 1.0 KiB, median 1.0 KiB, newest 1.0 KiB.',
      'Reused of 2 checkpoints: from 75.0 % to 75.0 %, median 75.0 %, newest 75.0 %.',
    ]);
  });

  test('name the checkpoint, its time and all values at the cursor', () => equal(spokenAt(charts[3]!, charts[3]!.points.at(-1)!), 'checkpoint 3, at 3000: Changed 8.0 KiB, Stored 1.0 KiB'));
});

describe('what would be lost', () => {
  const row = { holder: { name: 'laptop-a' }, durableMs: 1_000_000, headSequence: 7, condition: 'held' } as DesktopRow;
  const nowMs = 1_000_000 + 14 * 60_000;

  test('is told with the host, the time and the checkpoint', () => {
    equal(lossText(row, nowMs), 'If laptop-a is lost now, 14 min of work goes with it: what came after checkpoint 7.');
    equal(lossText({ ...row, condition: 'departing' }, nowMs), 'If laptop-a is lost now, 14 min of work goes with it: what came after checkpoint 7. What is there now is on its way to the store.');
  });

  test('is all where there is no checkpoint, and nothing where nobody holds it', () => {
    equal(lossText({ ...row, durableMs: null, headSequence: null }, nowMs), 'If laptop-a is lost now, all of it is lost: it has no checkpoint yet.');
    equal(lossText({ ...row, holder: null }, nowMs), 'Nothing would be lost: all of it is in the store.');
    equal(lossText({ ...row, holder: null, headSequence: null }, nowMs), 'Nothing would be lost: it has never run.');
  });

  test('the policy states its limits, and a next step for what falls short', () => {
    deepEqual(policy.map(({ protection, nextStep }) => [protection, nextStep === null]), [['safe', true], ['fresh', true], ['late', false], ['unprotected', false]]);
    equal(policy[1]!.when, 'A host holds it, and its newest checkpoint is at most 15 min old.');
    equal(policy[3]!.when, 'A host holds it, and its newest checkpoint is older than 24 h.');
  });
});
