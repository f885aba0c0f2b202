import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Fault } from '@godwit/base';
import fc from 'fast-check';
import { pageBytes, type RamBlock } from './format.ts';
import { SentPages } from './sent-pages.ts';

const sizes = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 4 });
const blocksOf = (pageCounts: readonly number[]): RamBlock[] => pageCounts.map((count, index) => ({ id: `block${index}`, usedLengthBytes: count * pageBytes }));

describe('sent pages', () => {
  test('behave like a set of pages, never give one out twice, and end complete', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('take' as const), block: fc.nat(3), page: fc.nat(99) }),
      fc.record({ kind: fc.constant('run' as const), max: fc.integer({ min: 0, max: 40 }) }),
    );
    fc.assert(fc.property(sizes, fc.array(step, { maxLength: 60 }), (pageCounts, steps) => {
      const sent = new SentPages(blocksOf(pageCounts));
      const unsent = new Set(pageCounts.flatMap((count, block) => Array.from({ length: count }, (_, page) => `${block}/${page}`)));
      const takeRun = (max: number): boolean => {
        const first = [...unsent][0];
        const run = sent.takeRun(max);
        if (run === undefined) {
          assert.equal(first, undefined);
          return false;
        }
        assert.equal(`${run.blockIndex}/${run.firstPage}`, first);
        assert.ok(run.count >= 1 && run.count <= Math.max(1, max));
        for (let page = run.firstPage; page < run.firstPage + run.count; page += 1) assert.ok(unsent.delete(`${run.blockIndex}/${page}`));
        // A run ends for one of three reasons only.
        const next = run.firstPage + run.count;
        assert.ok(run.count === Math.max(1, max) || next === pageCounts[run.blockIndex] || !unsent.has(`${run.blockIndex}/${next}`));
        return true;
      };
      for (const move of steps) {
        if (move.kind === 'run') takeRun(move.max);
        else {
          const block = move.block % pageCounts.length;
          const page = move.page % pageCounts[block]!;
          const was = unsent.delete(`${block}/${page}`);
          assert.equal(sent.isSent(block, page), !was);
          assert.equal(sent.take(block, page), was);
          assert.equal(sent.isSent(block, page), true);
        }
        assert.equal(sent.remainingPages, unsent.size);
        assert.equal(sent.complete, unsent.size === 0);
      }
      while (takeRun(17));
      assert.equal(sent.complete, true);
      assert.equal(sent.nextRun(1), undefined);
    }));
  });

  test('refuse pages and blocks that do not exist', () => {
    const sent = new SentPages(blocksOf([3, 40]));
    assert.equal(sent.blockIndex('block1'), 1);
    for (const work of [() => sent.take(0, 3), () => sent.take(2, 0), () => sent.take(0, -1), () => sent.isSent(1, 40), () => sent.take(0, Number.NaN), () => sent.blockIndex('other')]) {
      assert.throws(work, (error) => error instanceof Fault && error.code === 'MIGRATION_CORRUPT');
    }
    assert.equal(sent.remainingPages, 43);
  });

  test('give a run without taking it', () => {
    const sent = new SentPages(blocksOf([70]));
    sent.take(0, 0);
    sent.take(0, 66);
    assert.deepEqual(sent.nextRun(100), { blockIndex: 0, firstPage: 1, count: 65 });
    assert.deepEqual(sent.nextRun(8), { blockIndex: 0, firstPage: 1, count: 8 });
    assert.equal(sent.remainingPages, 68);
  });
});
