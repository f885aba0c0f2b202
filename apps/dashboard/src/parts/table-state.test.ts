import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oneOf, sortedBy, sortingOf, sortRows, sortText, withValues } from './table-state.ts';

test('what a reader chose stands in the URL, and nothing else is taken from it', () => {
  const standard = { by: 'name', falling: false };
  for (const sorting of [standard, { by: 'age', falling: true }]) assert.deepEqual(sortingOf(new URLSearchParams({ sort: sortText(sorting) }), ['name', 'age'], standard), sorting);
  for (const text of ['', '-', 'constructor', '-other', 'name,age']) assert.deepEqual(sortingOf(new URLSearchParams({ sort: text }), ['name', 'age'], standard), standard, text);
  assert.equal(oneOf(new URLSearchParams('state=toString'), 'state', ['done']), undefined);
  assert.deepEqual(sortedBy(sortedBy(standard, 'age'), 'age'), { by: 'age', falling: true });
});

test('another filter begins at the first row again; an empty one is not in the URL', () => {
  const search = new URLSearchParams('search=x&from=100');
  assert.equal(withValues(search, { state: 'done' }).toString(), 'search=x&state=done');
  assert.equal(withValues(search, { search: '' }).toString(), '');
  assert.equal(withValues(search, { from: '200' }).toString(), 'search=x&from=200');
});

test('rows without a value come last, whichever way they are sorted', () => {
  const rows = [{ n: 2 }, { n: null }, { n: 10 }];
  assert.deepEqual(sortRows(rows, ({ n }) => n, false).map(({ n }) => n), [2, 10, null]);
  assert.deepEqual(sortRows(rows, ({ n }) => n, true).map(({ n }) => n), [10, 2, null]);
});
