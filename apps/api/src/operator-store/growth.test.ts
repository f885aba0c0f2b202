import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { fullAt } from './growth.ts';

const dayMs = 86_400_000;
const today = 20_000 * dayMs;
const days = (...bytes: number[]) => bytes.map((liveBytes, index) => ({ dayMs: today - (bytes.length - 1 - index) * dayMs, liveBytes, deadBytes: 0, objects: 1 }));

test('a store that grew by 10 bytes a day in the last week and has 100 left is full in ten days', () => {
  equal(fullAt(days(0, 10, 20, 30, 40, 50, 60, 70), 100, today + 1), today + 1 + 10 * dayMs);
});

test('what it grew before the last week does not count', () => {
  equal(fullAt(days(0, 5000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6007), 7, today), today + 7 * dayMs);
});

test('dead bytes fill it as live ones do', () => {
  const [first, last] = days(100, 60);
  equal(fullAt([first!, { ...last!, deadBytes: 50 }], 20, today), today + 2 * dayMs);
});

test('nothing is said of a store that does not grow, of one that is measured since today, and of free bytes that are not known', () => {
  equal(fullAt(days(50, 50), 100, today), null);
  equal(fullAt(days(50, 40), 100, today), null);
  equal(fullAt(days(50), 100, today), null);
  equal(fullAt([], 100, today), null);
  equal(fullAt(days(0, 10), null, today), null);
});

test('so slow a growth that the day has no number is none', () => {
  equal(fullAt(days(0, 1), Number.MAX_SAFE_INTEGER, today), null);
});
