import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Batches } from './batches.ts';

/** A database that answers when the test says so. */
function slow(): { run: (questions: readonly number[]) => Promise<readonly string[]>; asked: number[][]; answer: (error?: Error) => Promise<void> } {
  const asked: number[][] = [];
  let under: { questions: readonly number[]; resolve: (answers: string[]) => void; reject: (error: Error) => void } | undefined;
  const run = (questions: readonly number[]): Promise<readonly string[]> => {
    equal(under, undefined, 'one at a time');
    asked.push([...questions]);
    return new Promise((resolve, reject) => (under = { questions, resolve, reject }));
  };
  const answer = async (error?: Error): Promise<void> => {
    // eslint-disable-next-line no-unmodified-loop-condition -- `run` sets it
    while (under === undefined) await new Promise((resolve) => setImmediate(resolve));
    const { questions, resolve, reject } = under;
    under = undefined;
    if (error === undefined) resolve(questions.map((question) => `answer ${question}`));
    else reject(error);
  };
  return { run, asked, answer };
}

test('what comes in one turn, or while the ones before are under way, is one question; each gets its own answer', async () => {
  const { run, asked, answer } = slow();
  const batches = new Batches(run, 3);
  const first = [1, 2].map((question) => batches.ask(question));
  await answer();
  deepEqual(await Promise.all(first), ['answer 1', 'answer 2']);
  const alone = batches.ask(3);
  await new Promise((resolve) => setImmediate(resolve));
  const later = [4, 5, 6, 7].map((question) => batches.ask(question));
  for (let turn = 0; turn < 3; turn += 1) await answer();
  deepEqual(await Promise.all([alone, ...later]), ['answer 3', 'answer 4', 'answer 5', 'answer 6', 'answer 7']);
  deepEqual(asked, [[1, 2], [3], [4, 5, 6], [7]]);
});

test('a batch that fails, fails for those who asked in it, and for nobody after them', async () => {
  const { run, answer } = slow();
  const batches = new Batches(run, 10);
  const lost = [1, 2].map((question) => rejects(batches.ask(question), /gone/));
  await answer(new Error('gone'));
  await Promise.all(lost);
  const next = batches.ask(3);
  await answer();
  equal(await next, 'answer 3');
});
