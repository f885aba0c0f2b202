import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorMessage } from '@godwit/wire/operators';
import { isOutdated, outdatedBy } from './news.ts';

test('news makes old what it is about, and nothing else', () => {
  const changed = outdatedBy({ type: 'desktop-changed', accountId: 'a', desktopId: 'd' } as OperatorMessage);
  const old = (...key: readonly unknown[]): boolean => changed.some((each) => isOutdated(key, each));
  assert.ok(old('readOverview', {}) && old('listAllDesktops', { query: { search: 'x' } }));
  assert.ok(old('readDesktopDetail', { params: { accountId: 'a', desktopId: 'd' } }));
  assert.ok(!old('readDesktopDetail', { params: { accountId: 'a', desktopId: 'other' } }));
  assert.ok(!old('readStore', {}) && !old('readSession', {}));
  assert.deepEqual(outdatedBy({ type: 'still', timeMs: 1 }), []);
});
