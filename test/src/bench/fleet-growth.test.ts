import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { eachOf, perYear, year } from './fleet-growth.ts';

test('what came to it is shared among what was done, and a year has so many moves and checkpoints', () => {
  const before = { rows: 10, bytes: 8_192, rowsForEver: 4, bytesForEver: 4_096 };
  const after = { rows: 40, bytes: 16_384, rowsForEver: 24, bytesForEver: 8_192 };
  const each = eachOf(before, after, 10);
  deepEqual(each, { rows: 3, bytes: 819.2, rowsForEver: 2, bytesForEver: 409.6 });
  const nothing = eachOf(before, before, 1);
  deepEqual(perYear(each, nothing).rows, 365 * year.movesPerDay * 3);
  deepEqual(perYear(nothing, each).bytesForEver, Math.round(365 * year.checkpointsPerDay * 409.6));
});
