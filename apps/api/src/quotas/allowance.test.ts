import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hourMs, takeOne, takenOf, type Allowance } from './allowance.ts';

/** As many as are taken at `nowMs` until one has to wait. */
function takeAll(allowance: Allowance, nowMs: number): { taken: number; untilMs: number; waitMs: number } {
  let { untilMs } = allowance;
  for (let taken = 0; ; taken += 1) {
    const next = takeOne({ untilMs, most: allowance.most }, nowMs);
    if ('waitMs' in next) return { taken, untilMs, waitMs: next.waitMs };
    ({ untilMs } = next);
  }
}

test("an hour's worth may be taken at once, no more, and all of it is back an hour later", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 0, max: 2 ** 41 }), (most, nowMs) => {
    const first = takeAll({ untilMs: 0, most }, nowMs);
    equal(first.taken, most);
    equal(takenOf({ untilMs: first.untilMs, most }, nowMs), most);
    ok(Math.abs(first.waitMs - hourMs / most) < 2, 'the next one waits for its turn');
    equal(takeAll({ untilMs: first.untilMs, most }, nowMs + first.waitMs).taken, 1);
    equal(takenOf({ untilMs: first.untilMs, most }, nowMs + hourMs), 0);
    equal(takeAll({ untilMs: first.untilMs, most }, nowMs + hourMs).taken, most);
  }));
});

test('never more than twice as many in any hour, whenever they are asked for', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.integer({ min: 0, max: hourMs / 4 }), { maxLength: 300 }), (most, pauses) => {
    let [untilMs, nowMs] = [0, 2 ** 40];
    const taken: number[] = [];
    for (const pauseMs of pauses) {
      nowMs += pauseMs;
      const next = takeOne({ untilMs, most }, nowMs);
      if ('waitMs' in next) continue;
      ({ untilMs } = next);
      taken.push(nowMs);
      equal(taken.filter((atMs) => atMs > nowMs - hourMs).length <= 2 * most, true);
    }
  }));
});

test('none are allowed: none is ever taken', () => {
  deepEqual(takeOne({ untilMs: 0, most: 0 }, 1), { waitMs: Infinity });
  equal(takenOf({ untilMs: 5 * hourMs, most: 0 }, 0), 0);
});
