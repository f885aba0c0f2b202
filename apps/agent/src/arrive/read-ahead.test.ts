import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReadAhead } from './read-ahead.ts';

test('a walk through memory gets twice as much each time, up to a frame; a jump gets its group', () => {
  const ahead = new ReadAhead();
  const asked: number[] = [];
  for (let page = 104; asked.length < 9; page += asked.at(-1)!) asked.push(ahead.next(0, page).pages);
  assert.deepEqual(asked, [8, 16, 32, 64, 64, 64, 64, 64, 64]);
  assert.equal(ahead.next(0, 5000).pages, 8);
  assert.equal(ahead.next(0, 6007).pages, 1, 'what is left of its group');
  assert.equal(ahead.next(1, 5008).pages, 8, 'another block is another walk');
  assert.equal(ahead.next(0, 5008).pages, 16, 'a walk goes on though there was another');
});

test('two steps may be chance; from the third on it is a walk', () => {
  const ahead = new ReadAhead();
  assert.deepEqual([800, 808, 824, 856, 920].map((page) => ahead.next(0, page).isWalk), [false, false, true, true, true]);
  assert.equal(ahead.next(0, 2000).isWalk, false);
});

test('eight walks at the same time are told apart; memory for them is bounded', () => {
  const ahead = new ReadAhead();
  const starts = Array.from({ length: 8 }, (_, walk) => walk * 10_000);
  for (const page of starts) ahead.next(0, page);
  for (const page of starts) assert.equal(ahead.next(0, page + 8).pages, 16);
  for (let page = 500_000; page < 501_000; page += 16) ahead.next(0, page);
  for (const page of starts) assert.equal(ahead.next(0, page + 24).pages, 8, 'forgotten');
});

test('whatever is asked for, 1 to 64 pages are given', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 })), (pages) => {
      const ahead = new ReadAhead();
      for (const page of pages) {
        const { pages: count } = ahead.next(0, page);
        assert.ok(Number.isInteger(count) && count >= 1 && count <= 64);
      }
    }),
  );
});
