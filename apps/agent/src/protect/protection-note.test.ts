import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everyText, protectionNote } from './protection-note.ts';

const nowMs = 1_795_265_100_000;

test('status says how a desktop is protected, and since when it is not', () => {
  assert.equal(protectionNote({ everyMs: 300_000 }, nowMs), 'protected every 5m');
  assert.equal(protectionNote({ everyMs: 30_000, lastWallMs: nowMs - 185_000 }, nowMs), 'protected every 30s, last checkpoint 3 min ago');
  assert.equal(protectionNote({ everyMs: 3_600_000, lastWallMs: nowMs - 7_300_000, failing: 'the coordinator is not there' }, nowMs), 'not protected since the last checkpoint 2 h ago: the coordinator is not there');
  assert.equal(protectionNote({ everyMs: 3_600_000, failing: 'no room' }, nowMs), 'not protected yet: no room');
  assert.equal(protectionNote({ everyMs: 60_000, lastWallMs: nowMs + 60_000 }, nowMs), 'protected every 1m, last checkpoint 0 s ago');
});

test('intervals are written as they are typed', () => {
  assert.deepEqual([everyText(7_200_000), everyText(5_400_000), everyText(90_000)], ['2h', '90m', '90s']);
});
