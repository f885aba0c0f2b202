import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { StoreView } from '@godwit/wire/operators';
import { summaryOf } from '../charts/chart.ts';
import { costText, coverageText, dedupText, figuresText, fullText, growthChart, runLengthMs, scrubText, secondText } from './store-words.ts';

const day = 24 * 60 * 60_000;
const GiB = 1024 ** 3;
const store = { freeBytes: 10 * GiB, fullAtMs: 12 * day, dedupFactor: 3.456 } as StoreView;

test('when it is full is said, or why that cannot be said', () => {
  equal(fullText(store, 2 * day), '10.0 GiB are free; at the pace of the last week it is full in 10 d.');
  equal(fullText({ ...store, fullAtMs: null }, 0), '10.0 GiB are free; by the last week it does not grow.');
  equal(fullText({ ...store, freeBytes: null }, 0), 'How much room is left cannot be known of this store.');
  equal(fullText(store, 12 * day), '10.0 GiB are free: it is full or will be today.');
});

test('scrub coverage is never rounded up to all, nor down to nothing', () => {
  deepEqual([coverageText(0, 10), coverageText(1, 100_000), coverageText(99_999, 100_000), coverageText(10, 10)], ['0.0 %', 'below 0.1 %', '99.9 %', '100 %']);
});

test('scrub findings are told, and that there are none only where something was looked at', () => {
  const scrub = (objects: number, looked: number, damaged: number): string => scrubText({ scrub: { objects, looked, oldestMs: looked === 0 ? null : 0, damaged: Array.from({ length: damaged }, () => ({})) } } as unknown as StoreView, 3 * day);
  equal(scrub(0, 0, 0), 'Nothing lies in the store, so nothing is to be looked at.');
  equal(scrub(8, 0, 0), 'None of 8 objects was looked at yet.');
  equal(scrub(8, 4, 0), '4 of 8 objects (50.0 %) were compared with what was committed, the longest ago 3 d ago. All of them are as they were committed.');
  equal(scrub(8, 8, 1), '8 of 8 objects (100 %) were compared with what was committed, the longest ago 3 d ago. 1 object of them is not as committed.');
});

test('growth is a chart by day', () => {
  const growth = [{ dayMs: 5 * day, liveBytes: GiB, deadBytes: 0, objects: 1 }, { dayMs: 8 * day, liveBytes: 2 * GiB, deadBytes: GiB, objects: 2 }];
  const chart = growthChart({ growth }, (timeMs) => `1970-01-0${1 + timeMs / day}`);
  deepEqual(chart.points.map(({ x, tick }) => [x, tick]), [[0, '01-06'], [3, '01-09']]);
  equal(summaryOf(chart), 'Live of 2 days: from 1.0 GiB to 2.0 GiB, median 1.0 GiB, newest 2.0 GiB. Dead of 2 days: from 0 B to 1.0 GiB, median 0 B, newest 1.0 GiB.');
});

test('figures of a run are read by the units in their names', () => {
  equal(figuresText({ freedBytes: 2048, objectsLooked: 1200, lockWaitMs: 1500 }), 'freed 2.0 KiB, objects looked 1,200, lock wait 1.50 s');
  equal(figuresText({}), 'told no figures');
  equal(dedupText(store), '3.46 times');
  equal(dedupText({ dedupFactor: null }), 'not known');
  equal(runLengthMs({ job: 'scrub', startedMs: 5, endedMs: null, state: 'running', figures: {}, fault: null }, 9), 4);
});

test('the cost of a month follows from a price that somebody typed', () => {
  const lies = { liveBytes: 3 * GiB, deadBytes: GiB };
  deepEqual(['', '0.5', '0,5', ' 2 ', 'x', '-1', '1e9'].map((price) => costText(lies, price)), ['not known', 'about 2.00', 'about 2.00', 'about 8.00', 'that is no price', 'that is no price', 'that is no price']);
});

test('how far a second bucket is behind is said with the age of what waits longest', () => {
  const second = { place: 'bucket b', copiedObjects: 2, copiedBytes: 5, behindObjects: 0, behindBytes: 0, behindSinceMs: null, goneObjects: 0, goneBytes: 0 };
  equal(secondText(second, day), 'Everything that checkpoints need is there too.');
  equal(secondText({ ...second, behindObjects: 1, behindBytes: GiB, behindSinceMs: 0 }, 3 * day), '1 object (1.0 GiB) is not there yet; what waits longest was stored 3 d ago.');
});
