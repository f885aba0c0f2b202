import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cursorAfter, knownPoints, spokenAt, summaryOf, tableOf, type Chart } from './chart.ts';

const ms = (value: number): string => `${value} ms`;
const chart = (...values: (number | null)[][]): Chart => ({
  name: 'Pause',
  about: '',
  of: 'checkpoint',
  steps: 'decimal',
  series: (values[0] ?? [null]).map((_, index) => ({ name: ['Pause', 'Other'][index]!, write: ms })),
  points: values.map((each, index) => ({ x: index + 1, tick: `${index + 1}`, label: `checkpoint ${index + 1}`, values: each })),
});

describe('a chart in words', () => {
  test('is summed up with its range, median and newest value', () => {
    equal(summaryOf(chart([30], [10], [20], [14])), 'Pause of 4 checkpoints: from 10 ms to 30 ms, median 14 ms, newest 14 ms.');
    equal(summaryOf(chart([30])), 'Pause of one checkpoint: 30 ms.');
    equal(summaryOf(chart([null], [7], [null], [9])), 'Pause of 2 checkpoints: from 7 ms to 9 ms, median 7 ms, newest 9 ms.');
    equal(summaryOf(chart([1, 2], [3, 4])), 'Pause of 2 checkpoints: from 1 ms to 3 ms, median 1 ms, newest 3 ms. Other of 2 checkpoints: from 2 ms to 4 ms, median 2 ms, newest 4 ms.');
  });

  test('says what is not known', () => {
    equal(summaryOf(chart([null])), 'Pause: not known of any checkpoint.');
    equal(summaryOf(chart()), 'Pause: not known of any checkpoint.');
    equal(spokenAt(chart([1, null]), chart([1, null]).points[0]!), 'checkpoint 1: Pause 1 ms, Other not known');
    deepEqual(knownPoints(chart([null, null], [null, 1])).map(({ x }) => x), [2]);
  });

  test('has a table with the newest point first', () => {
    deepEqual(tableOf(chart([1, null], [3, 4])), { head: ['checkpoint', 'Pause', 'Other'], rows: [['checkpoint 2', '3 ms', '4 ms'], ['checkpoint 1', '1 ms', 'not known']] });
  });
});

describe('the cursor of a chart', () => {
  const way = (at: number | null, keys: string, length = 40): (number | null)[] => keys.split(' ').map((key) => cursorAfter(key, at, length));

  test('moves by one, by a tenth, to the ends, and stays inside', () => {
    deepEqual(way(20, 'ArrowLeft ArrowRight PageUp PageDown Home End'), [19, 21, 16, 24, 0, 39]);
    deepEqual(way(0, 'ArrowLeft PageUp'), [0, 0]);
    deepEqual(way(39, 'ArrowRight PageDown'), [39, 39]);
    deepEqual(way(1, 'PageDown', 3), [2]);
  });

  test('comes in from the side that the key points away from, and knows no other keys', () => {
    deepEqual(way(null, 'ArrowLeft ArrowRight End Tab a'), [39, 0, 39, null, null]);
    deepEqual(way(null, 'ArrowLeft', 0), [null]);
  });
});
