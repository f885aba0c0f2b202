import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { steadily } from './fleet-load.ts';

test('as much is begun as the rate asks for, and what fails is counted and kept', async () => {
  const failure = new Error('one of four');
  const begun: number[] = [];
  const timed = await steadily({ perSecond: 1_000, forMs: 40, mostUnderWay: 100 }, (index) => {
    begun.push(index);
    return index % 4 === 0 ? Promise.reject(failure) : Promise.resolve();
  });
  deepEqual(begun, Array.from({ length: 40 }, (_, index) => index));
  deepEqual([timed.begun, timed.done, timed.errors, timed.missed, timed.firstError], [40, 30, 10, 0, failure]);
  ok(timed.quantileMs(0.99) >= timed.quantileMs(0.5));
});

test('no more are under way than may be: the rest is not begun, and that is counted', async () => {
  const release = Promise.withResolvers<undefined>();
  let under = 0;
  const timed = await steadily({ perSecond: 1_000, forMs: 40, mostUnderWay: 3 }, (index) => {
    under += 1;
    // The last that is due has been looked at by then.
    if (index === 2) setTimeout(() => release.resolve(undefined), 200);
    return release.promise;
  });
  equal(under, timed.begun);
  equal(timed.begun + timed.missed, 40);
  ok(timed.begun >= 3);
});

test('what begins late has taken longer', async () => {
  let first = true;
  const timed = await steadily({ perSecond: 100, forMs: 50, mostUnderWay: 10 }, () => {
    // The event loop stands still: the others begin late.
    if (first) for (const endMs = performance.now() + 100; performance.now() < endMs; );
    first = false;
    return Promise.resolve();
  });
  ok(timed.quantileMs(0) > 0 && timed.quantileMs(0.5) > 40, `${timed.quantileMs(0.5)} ms`);
});
