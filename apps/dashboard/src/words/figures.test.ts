import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesText, durationText, plural, relativeText, roughText } from './figures.ts';

test('figures are as the command line prints them', () => {
  for (const [bytes, text] of [[0, '0 B'], [999, '999 B'], [1000, '1.0 KiB'], [2 ** 20, '1.0 MiB'], [512 * 2 ** 20, '512 MiB'], [4 * 2 ** 30, '4.0 GiB'], [5000 * 2 ** 40, '5000 TiB']] as const) assert.equal(bytesText(bytes), text);
  for (const [ms, text] of [[41, '41 ms'], [999.6, '1.00 s'], [9_994, '9.99 s'], [59_960, '1 min'], [125_000, '2 min 5 s'], [3_599_600, '1 h'], [11_400_000, '3 h 10 min'], [86_399_999, '1 d'], [90 * 3_600_000, '3 d 18 h']] as const) assert.equal(durationText(ms), text);
});

test('ages are rounded down, and never below nothing', () => {
  for (const [ms, text] of [[-5, '0 s'], [59_999, '59 s'], [60_000, '1 min'], [3_600_000, '1 h'], [47 * 3_600_000, '47 h'], [48 * 3_600_000, '2 d']] as const) assert.equal(roughText(ms), text);
  assert.deepEqual([relativeText(1000, 1500), relativeText(0, 12_000), relativeText(12_000, 0)], ['just now', '12 s ago', 'in 12 s']);
  assert.deepEqual([plural(1, 'move'), plural(1204, 'move')], ['1 move', '1,204 moves']);
});
