import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ControlCommand, ControlResult } from '@godwit/wire';
import { moveAnswer } from './move-commands.ts';
import { buildProgram } from './program.ts';
import { progressText } from './progress-line.ts';

/** What the agent is asked by a line that is typed where nobody can be asked back. */
async function asked(...words: string[]): Promise<unknown[]> {
  const questions: unknown[] = [];
  const ask = (command: ControlCommand, args: object): Promise<object> => {
    questions.push([command, ...(Object.values(args) as unknown[])]);
    return Promise.resolve({});
  };
  await buildProgram({ ask: ask as never, fail: () => undefined }).parseAsync(words, { from: 'user' });
  return questions;
}

describe('moving', () => {
  test('each line asks for one thing: name, target, eager, whether it is meant', async () => {
    deepEqual(await asked('move', 'work'), [['move', 'work', null, false, true]]);
    deepEqual(await asked('move', 'work', '--to', 'laptop-b', '--dry-run'), [['move', 'work', 'laptop-b', false, false]]);
    deepEqual(await asked('resume', 'work', '--fetch', '--eager'), [['move', 'work', null, true, true]]);
    deepEqual(await asked('arrivals', 'off'), [['arrivals', false]]);
    deepEqual(await asked('arrivals'), [['arrivals', null]]);
  });

  test('--dry-run changes nothing, also where nothing would be given up', async () => {
    deepEqual(await asked('resume', 'work', '--dry-run'), [['move', 'work', null, false, false]]);
    deepEqual(await asked('resume', 'work', '--fetch', '--dry-run'), [['move', 'work', null, false, false]]);
    deepEqual(await asked('cache', '--limit', '1M', '--dry-run'), [['cache', null, false, false]]);
  });

  test('a person reads who suspended it, in what pause, and where it runs now', () => {
    const moved: ControlResult<'move'> = { name: 'work', from: 'laptop-a', to: 'laptop-b', done: true, sequence: 4, epoch: 6, pauseMs: 49, runningMs: 264, arrive: null };
    equal(moveAnswer(moved), 'laptop-a suspended work in a pause of 49 ms: nothing was given up.\nwork runs on laptop-b from checkpoint 4, in epoch 6, 264 ms after it was asked for there.');
    match(moveAnswer({ ...moved, from: null, pauseMs: null }), /^work was held by nobody\.\n/);
    match(moveAnswer({ ...moved, done: false }), /^work would be suspended on laptop-a, and go on on laptop-b\. Nothing is given up, and nothing was changed\.$/);
  });

  test('the row of progress names the host that is at work, unless it is this one', () => {
    const progress = { phase: 'upload', doneBytes: 0, totalBytes: null, bytesPerSecond: null, leftMs: null, elapsedMs: 3 };
    equal(progressText({ ...progress, host: 'laptop-a' }), 'laptop-a: upload    3 ms');
    equal(progressText(progress), 'upload    3 ms');
  });
});
