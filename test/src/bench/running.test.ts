import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { endAll, endWithBench, runProgram } from './running.ts';

describe('what the bench has started', () => {
  test('is ended newest first, once, and without what was taken back', async () => {
    const ended: string[] = [];
    endWithBench(() => ended.push('first'));
    const takeBack = endWithBench(() => ended.push('taken back'));
    endWithBench(() => Promise.resolve().then(() => ended.push('last')));
    takeBack();
    await endAll();
    await endAll();
    assert.deepEqual(ended, ['last', 'first']);
  });

  test('a program that runs is one of them', async () => {
    const running = runProgram('sleep', ['600']);
    const refused = assert.rejects(running, /sleep 600 ended with SIGKILL/);
    await endAll();
    await refused;
  });

  test('what a program printed is given back, and what it complained of is its error', async () => {
    assert.equal(await runProgram('sh', ['-c', 'echo hello']), 'hello\n');
    await assert.rejects(runProgram('sh', ['-c', 'echo broken >&2; exit 3']), /sh -c ended with 3: broken/);
    await assert.rejects(runProgram('/no/such/program', []), /ENOENT/);
  });
});
