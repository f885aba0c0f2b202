import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { SteadyAmount } from './steady-amount.ts';

const seen = (words: readonly (readonly [string, number, number | null])[]): [number, number | null][] => {
  const amount = new SteadyAmount();
  return words.map(([phase, doneBytes, totalBytes]) => {
    amount.look(phase, { doneBytes, totalBytes });
    return [amount.doneBytes, amount.totalBytes];
  });
};

test('one count through several phases stays one; what is done in vain does not show', () => {
  deepEqual(seen([['check', 0, null], ['capture', 10, 100], ['capture', 40, 120], ['capture', 30, 120], ['upload', 90, 120], ['commit', 120, 120]]), [
    [0, null], [10, 100], [40, 120], [40, 120], [90, 120], [120, 120],
  ]);
});

test('a phase that counts anew comes on top of those before it', () => {
  deepEqual(seen([['load', 50, 50], ['fill', 0, 200], ['fill', 150, 200], ['settle', 0, null]]), [[50, 50], [50, 250], [200, 250], [200, null]]);
});

test('more than the total counts as the total, and the end is the end', () => {
  deepEqual(seen([['upload', 130, 100]]), [[100, 100]]);
  const amount = new SteadyAmount();
  amount.look('upload', { doneBytes: 90, totalBytes: 100 });
  amount.end();
  deepEqual([amount.doneBytes, amount.totalBytes], [90, 90]);
});

test('whatever phases say: never back, never above the total, at the end all of it', () => {
  let state = 11;
  const roll = (sides: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
  for (let run = 0; run < 1_000; run++) {
    const amount = new SteadyAmount();
    let before = 0;
    for (let word = 0; word < 40; word++) {
      amount.look(`phase-${roll(4)}`, { doneBytes: roll(1_000), totalBytes: roll(3) === 0 ? null : roll(1_000) });
      ok(amount.doneBytes >= before);
      ok(amount.totalBytes === null || amount.doneBytes <= amount.totalBytes);
      before = amount.doneBytes;
    }
    amount.end();
    equal(amount.doneBytes, amount.totalBytes);
    equal(amount.doneBytes, before);
  }
});
