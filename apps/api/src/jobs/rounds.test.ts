import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, silentLog } from '@godwit/base';
import { attemptsMax, pauseAfterMs } from './attempts.ts';
import { OwnRounds, type Attempt } from './rounds.ts';

const longMs = 2_000_000_000;
const times = { everyMs: longMs, againMs: longMs, doneAgoMs: new Map<string, number>(), log: silentLog };

/** Notes its attempts; each goes on when the test says how. */
function asked(): { readonly attempt: Attempt; next: () => Promise<{ readonly number: number; readonly signal: AbortSignal; readonly end: (error?: Error) => void }> } {
  const begun: { number: number; signal: AbortSignal; end: (error?: Error) => void }[] = [];
  let wake = (): void => undefined;
  return {
    attempt: (number, signal) => new Promise<void>((resolve, reject) => {
      begun.push({ number, signal, end: (error) => (error === undefined ? resolve() : reject(error)) });
      wake();
    }),
    async next() {
      if (begun.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return begun.shift()!;
    },
  };
}

test('pauses grow twofold', () => {
  deepEqual([1, 2, 3, 4].map((failures) => pauseAfterMs(failures, 5_000)), [5_000, 10_000, 20_000, 40_000]);
});

test('a round that fails is tried again until its last attempt, then the next begins', async () => {
  const job = asked();
  const rounds = new OwnRounds({ scrub: job.attempt }, { ...times, everyMs: 1, againMs: 1 });
  const numbers: number[] = [];
  for (let at = 0; at < attemptsMax + 2; at++) {
    const { number, end } = await job.next();
    numbers.push(number);
    end(new Fault('STORE_FULL'));
  }
  deepEqual(numbers, [1, 2, 3, 4, 5, 1, 2]);
  const third = await job.next();
  equal(third.number, 3);
  third.end();
  const next = await job.next();
  equal(next.number, 1);
  next.end();
  await rounds.close();
});

test('whoever asks has a waiting round begin, and none beside one that is under way', async () => {
  const [one, other] = [asked(), asked()];
  const rounds = new OwnRounds({ one: one.attempt, other: other.attempt }, times);
  await rounds.begin('one');
  const first = await one.next();
  await rounds.begin('one');
  await rounds.begin('unknown');
  first.end(new Fault('STORE_FULL'));
  // The pause after a failure is cut short too. It begins a moment after the failure.
  const next = one.next();
  const moment = (): Promise<boolean> => new Promise((resolve) => setImmediate(() => resolve(false)));
  while (!(await Promise.race([next.then(() => true), moment()]))) await rounds.begin('one');
  const again = await next;
  equal(again.number, 2);
  again.end();
  await rounds.close();
});

test('what ended well before a restart is due as if there had been none', async () => {
  const [due, early] = [asked(), asked()];
  const rounds = new OwnRounds({ due: due.attempt, early: early.attempt }, { ...times, doneAgoMs: new Map([['due', longMs]]) });
  (await due.next()).end();
  let hasBegun = false;
  void early.next().then(() => (hasBegun = true));
  await rounds.close();
  equal(hasBegun, false);
});

test('its end ends what is under way and waits for it', async () => {
  const job = asked();
  const rounds = new OwnRounds({ scrub: job.attempt }, times);
  await rounds.begin('scrub');
  const { signal, end } = await job.next();
  let hasClosed = false;
  const closed = rounds.close().then(() => (hasClosed = true));
  ok(signal.aborted);
  await new Promise((resolve) => setImmediate(resolve));
  equal(hasClosed, false);
  end();
  await closed;
});
