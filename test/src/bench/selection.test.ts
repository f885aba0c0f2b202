import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rounds } from './rounds.ts';
import { benchTables, callOf, usage, type Scenario } from './selection.ts';

const scenarioText = ({ size, link, load }: Scenario): string => `${size} ${link.word} ${load}`;
const selected = (...words: string[]): string[] => {
  const call = callOf(words);
  assert.ok(call.kind === 'select');
  return call.selection.scenarios.map(scenarioText);
};

describe('what a call of the bench asks for', () => {
  test('a place by size, link and load, each with a default', () => {
    assert.deepEqual(selected('--quick'), ['512 loopback idle']);
    assert.deepEqual(selected('--size', '2048'), ['2048 loopback idle']);
    assert.deepEqual(selected('--size', '512', '--size', '4096', '--load', 'busy'), ['512 loopback busy', '4096 loopback busy']);
    assert.deepEqual(selected('--link', 'shaped'), ['512 1000 idle', '512 100 idle', '512 20 idle']);
    assert.deepEqual(selected('--link', '20'), ['512 20 idle']);
  });

  test('everything that the tables have, if nothing is said', () => {
    const all = selected();
    assert.deepEqual(all, benchTables.map(({ scenario }) => scenarioText(scenario)));
    for (const place of ['512 loopback idle', '2048 loopback idle', '4096 loopback idle', '512 loopback busy', '4096 loopback busy', '512 1000 idle', '512 100 idle', '512 20 idle']) assert.ok(all.includes(place), place);
  });

  test('five runs, or three where it has to be quick, or so many as were said', () => {
    const runsOf = (...words: string[]): number | undefined => {
      const call = callOf(words);
      return call.kind === 'select' ? call.selection.runs : undefined;
    };
    assert.deepEqual([runsOf(), runsOf('--quick'), runsOf('--quick', '--runs', '1'), runsOf('--runs', '9')], [5, 3, 1, 9]);
  });

  test('tables of the page, one or all', () => {
    const names = (...words: string[]): unknown => {
      const call = callOf(words);
      return call.kind === 'tables' ? [call.tables.map(({ name }) => name), call.runs] : call.kind;
    };
    assert.deepEqual(names('--table', '512'), [['512'], 5]);
    assert.deepEqual(names('--table', 'all'), [benchTables.map(({ name }) => name), 5]);
    assert.equal(names('--help'), 'help');
    for (const { name } of benchTables) assert.ok(usage.includes(name), name);
  });

  test('what makes no sense is said', () => {
    for (const [words, said] of [
      [['--size', '100'], /--size takes 512, 2048, 4096, not 100/], [['--link', 'wifi'], /--link takes/], [['--load', 'idle', '--load', 'x'], /--load takes/],
      [['--runs', '0'], /--runs/], [['--table', 'x'], /--table takes all, 512/], [['--table', '512', '--quick'], /--table does not go with --quick/], [['--slowly'], /slowly/],
    ] as const) assert.throws(() => callOf(words), said);
  });
});

describe('rounds', () => {
  const played = (runs: number, endMs: number, roundMs: readonly number[]): number[] => {
    let nowMs = 0;
    const seen: number[] = [];
    for (const round of rounds(runs, endMs, () => nowMs)) {
      seen.push(round);
      nowMs += roundMs[round - 1]!;
    }
    return seen;
  };

  test('are as many as were asked for, as long as another one fits', () => {
    assert.deepEqual(played(3, Infinity, [10, 10, 10]), [1, 2, 3]);
    assert.deepEqual(played(5, 35, [10, 10, 10, 10, 10]), [1, 2, 3]);
    assert.deepEqual(played(5, 40, [20, 1, 1, 1, 1]), [1, 2]);
    assert.deepEqual(played(5, 0, [10, 10]), [1]);
  });
});
