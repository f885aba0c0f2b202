import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Overdue } from './overdue.ts';

test('one who takes nothing of what is due for long is found out, and nobody else', () => {
  const overdue = new Overdue(30);
  equal(overdue.idleMs([], 1000), undefined);
  equal(overdue.idleMs(['prune'], 1000), undefined, 'it has just become due');
  equal(overdue.idleMs(['prune', 'scrub'], 1029), undefined);
  equal(overdue.idleMs(['prune', 'scrub'], 1030), 30);
  overdue.taken(1031);
  equal(overdue.idleMs(['prune', 'scrub'], 1060), undefined, 'something was taken meanwhile');
  equal(overdue.idleMs(['scrub'], 1061), 30);
  equal(overdue.idleMs(['prune'], 1100), undefined, 'another one is due since now');
  equal(overdue.idleMs([], 2000), undefined);
  equal(overdue.idleMs(['prune'], 2001), undefined, 'it was away meanwhile');
});
