import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { goodPauseMs, WaysSeen } from './capture-way.ts';

const memoryBytes = 512 * 2 ** 20;
const good = goodPauseMs(memoryBytes);

/** Checkpoints in a row of a guest whose pauses are these: what was chosen each time. */
function chosen(count: number, snapshotMs: number, precopyMs: number, ways = new WaysSeen()): string[] {
  return Array.from({ length: count }, () => {
    const way = ways.next(memoryBytes);
    ways.made(way, way === 'pre-copy' ? precopyMs : snapshotMs);
    return way;
  });
}

describe('how a guest is captured that goes on running', () => {
  test('by background snapshot as long as its pause is good, whatever pre-copy would take', () => {
    assert.deepEqual([...new Set(chosen(50, good, 1))], ['background-snapshot']);
  });

  test('a longer pause is compared with pre-copy, and the shorter one stays', () => {
    assert.deepEqual(chosen(6, good + 1, good), ['background-snapshot', 'pre-copy', 'pre-copy', 'pre-copy', 'pre-copy', 'pre-copy']);
    assert.deepEqual(chosen(6, good + 1, good + 2), ['background-snapshot', 'pre-copy', 'background-snapshot', 'background-snapshot', 'background-snapshot', 'background-snapshot']);
  });

  test('the other is looked at again, once in a while', () => {
    const ways = chosen(100, good + 50, good);
    const snapshots = ways.flatMap((way, index) => (way === 'background-snapshot' ? [index] : []));
    assert.ok(snapshots.length >= 3 && snapshots.length <= 6, snapshots.join(' '));
  });

  test('where QEMU refuses it, by pre-copy', () => {
    const ways = new WaysSeen();
    ways.refused = true;
    assert.deepEqual([...new Set(chosen(30, 0, 10_000, ways))], ['pre-copy']);
  });

  test('it may take 100 ms with 4 GiB, and not much more than 30 with 512 MiB', () => {
    assert.deepEqual([goodPauseMs(4 * 2 ** 30) <= 110, goodPauseMs(512 * 2 ** 20) <= 40], [true, true]);
  });
});
