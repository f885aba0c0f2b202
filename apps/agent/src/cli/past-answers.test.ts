import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { pruneAnswer, rollbackAnswer, sequencesText } from './past-answers.ts';
import { parsePast } from './past-commands.ts';

test('NAME@SEQ is a desktop and a checkpoint, and nothing else is', () => {
  deepEqual(parsePast('work@3'), { name: 'work', sequence: 3 });
  deepEqual(parsePast('a.before-2@12'), { name: 'a.before-2', sequence: 12 });
  for (const text of ['work', 'work@', '@3', 'work@0', 'work@03', 'work@-1', 'work@3x', 'work@@3', 'wo rk@3', 'work@3@4']) equal(parsePast(text), undefined, text);
});

test('runs of sequences are told as runs', () => {
  equal(sequencesText([]), '');
  equal(sequencesText([3]), '3');
  equal(sequencesText([1, 2, 3, 5, 7, 8]), '1-3, 5, 7-8');
});

test('a person learns what a rollback gives up before it is done, and under which name it is kept', () => {
  const result = { name: 'work', sequence: 2, keptAs: 'work.before-2', givenUp: { checkpoints: 3, spanMs: 120_000, newestMs: 1_750_000_000_000 }, done: false };
  match(rollbackAnswer(result), /would go back to checkpoint 2 and give up 3 checkpoints after it, 2 min 0 s of work/);
  match(rollbackAnswer(result), /kept as work\.before-2 .* Nothing was changed/);
  match(rollbackAnswer({ ...result, done: true }), /is at checkpoint 2 again/);
});

test('prune says what goes, when, and what the store does not let go', () => {
  const none = { objects: 0, bytes: 0 };
  const result = { name: 'work', retention: { last: 2, hourly: 0, daily: 7 }, done: true, dropped: [1, 2, 3], kept: 2, waiting: { objects: 4, bytes: 2048 }, locked: { objects: 1, bytes: 1024 }, freed: none, graceMs: 3_600_000, compacted: null };
  const text = pruneAnswer(result);
  match(text, /keeps the newest 2, one for each of 7 days and always its newest/);
  match(text, /Dropped 3 checkpoints \(1-3\); 2 stay/);
  match(text, /2\.0 KiB in 4 objects are not needed any more and go after 60 min 0 s/);
  match(text, /1\.0 KiB in 1 objects are still locked/);
  match(pruneAnswer({ ...result, done: false }), /Would drop 3 .*\n.*\n.*\nNothing was changed/);
});
