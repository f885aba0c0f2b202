import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { benchTable, median, row, rowTexts, type RowValues } from './row.ts';

const place = { guestMiB: 512, link: 'loopback', load: 'idle' };
const values: RowValues = { name: 'running', unit: 'ms', ours: [300, 100, 200], peerName: 'somebody', peer: [50, 70] };

describe('rows of the bench', () => {
  test('a median is of the sorted values, whatever their order and number', () => {
    assert.deepEqual([median([9, 1, 10]), median([4]), median([1, 10, 2, 5])], [9, 4, 3.5]);
    assert.throws(() => median([]));
  });

  test('hold medians, ranges and how many values there were', () => {
    assert.deepEqual(row(values, place), {
      name: 'running', ...place, ours: 200, oursRange: [100, 300], peer: 60, peerRange: [50, 70], peerName: 'somebody', unit: 'ms', ratio: 200 / 60, runs: 3, peerRuns: 2, bar: null,
    });
    const alone = row({ ...values, peer: [] }, place);
    assert.deepEqual([alone.peer, alone.peerRange, alone.ratio, alone.peerRuns], [null, null, null, 0]);
  });

  test('a bar is a number, a multiple of the peer, or both; more is better where it says so', () => {
    const bars = [{ plus: 200 }, { plus: 199 }, { factor: 4 }, { factor: 3, plus: 20 }, { factor: 3, plus: 19 }, { factor: 3, atLeast: true }, { factor: 4, atLeast: true }] as const;
    assert.deepEqual(
      bars.map((bar) => row({ ...values, bar }, place).bar),
      [
        { text: '<= 200 ms', limit: 200, met: true },
        { text: '<= 199 ms', limit: 199, met: false },
        { text: '<= 4 x peer', limit: 240, met: true },
        { text: '<= 3 x peer + 20 ms', limit: 200, met: true },
        { text: '<= 3 x peer + 19 ms', limit: 199, met: false },
        { text: '>= 3 x peer', limit: 180, met: true },
        { text: '>= 4 x peer', limit: 240, met: false },
      ],
    );
    assert.equal(row({ ...values, peer: [], bar: { factor: 2 } }, place).bar, null);
    assert.equal(row({ ...values, peer: [], bar: { plus: 200 } }, place).bar?.met, true);
  });

  test('say in words what a person reads', () => {
    assert.deepEqual(rowTexts(row({ ...values, bar: { plus: 199 } }, place)), ['running', '200 ms', '60 ms', '3.33', '<= 199 ms', 'MISSED', '3/2', 'somebody']);
    assert.deepEqual(rowTexts(row({ ...values, unit: 'bytes', ours: [1_234_567], peer: [] }, place)).slice(1, 4), ['1.23 MB', '', '']);
    const table = benchTable([row(values, place)]);
    for (const word of ['WHAT', 'BAR', 'running', '512', 'loopback', 'idle', '200 ms', '3/2']) assert.ok(table.includes(word), word);
  });
});
