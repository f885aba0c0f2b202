import assert from 'node:assert/strict';
import { test } from 'node:test';
import { savedNote } from './saved-note.ts';

const minute = 60_000;
const saved = new Date(2026, 10, 21, 14, 2, 31).getTime();

test('a person reads since when it is on this machine only, and for how long', () => {
  assert.equal(savedNote(saved, saved), 'saved on this machine only since 14:02 (0 min)');
  assert.equal(savedNote(saved, saved + 12 * minute + 59_000), 'saved on this machine only since 14:02 (12 min)');
  assert.equal(savedNote(saved, saved + 90 * minute), 'saved on this machine only since 14:02 (1 h 30 min)');
  assert.equal(savedNote(saved, saved + 26 * 60 * minute), 'saved on this machine only since 2026-11-21 14:02 (26 h 0 min)');
  assert.equal(savedNote(saved, saved + 73 * 60 * minute), 'saved on this machine only since 2026-11-21 14:02 (3 days)');
});

test('a clock that was set back makes no age below zero', () => {
  assert.equal(savedNote(saved, saved - 5 * minute), 'saved on this machine only since 14:02 (0 min)');
});
