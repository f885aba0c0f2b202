import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from './find-desktop.ts';

test('a typing mistake finds the name that was meant, another word finds none', () => {
  const names = ['work', 'holiday-photos', 'Games'];
  for (const [typed, meant] of [['wrk', 'work'], ['wokr', 'work'], ['owrk', 'work'], ['rowk', undefined], ['works', 'work'], ['WORK', 'work'], ['hol', 'holiday-photos'], ['holliday-fotos', 'holiday-photos'], ['game', 'Games'], ['x', undefined], ['mail', undefined]] as const) {
    assert.equal(nearest(typed, names), meant, typed);
  }
  assert.equal(nearest('work', []), undefined);
});
