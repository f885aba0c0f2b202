import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Move } from '@godwit/wire/operators';
import { keepNewer, newerMove, phaseLines, progressOf, withMove } from './move-news.ts';

const base = { moveId: 'a', desktopId: 'd', state: 'running', doneBytes: 0, totalBytes: 100, bytesMoved: 0, startedMs: 10, toldMs: 10, phases: [] } as unknown as Move;
const told = (more: Partial<Move>): Move => ({ ...base, ...more });

test('whatever order the words about a move come in, its bar never goes back, never passes 99 % under way, and ends at 100 % or failed', () => {
  const word = fc.record({ doneBytes: fc.nat(100), toldMs: fc.nat(1000), read: fc.boolean() });
  fc.assert(
    fc.property(fc.array(word, { maxLength: 30 }), fc.constantFrom('done' as const, 'failed' as const), fc.array(word, { maxLength: 10 }), (words, end, late) => {
      let shown: Move[] = [base];
      let last = 0;
      const take = (move: Move, read: boolean): void => {
        shown = read ? keepNewer(shown, [move]) : withMove(shown, move, true);
        const now = progressOf(shown[0]!);
        assert.ok(now !== null && now >= last && now <= (shown[0]!.state === 'done' ? 1 : 0.99));
        last = now;
      };
      for (const { read, ...each } of words) take(told(each), read);
      take(told({ state: end, doneBytes: 100, toldMs: 2000 }), false);
      for (const { read, ...each } of late) take(told(each), read);
      assert.equal(shown.length, 1);
      assert.equal(shown[0]!.state, end);
      assert.equal(last, end === 'done' ? 1 : last);
    }),
  );
});

test('two browsers that heard different words but the same last one agree', () => {
  const last = told({ doneBytes: 80, toldMs: 50 });
  const one = withMove(withMove([base], told({ doneBytes: 20, toldMs: 20 }), true), last, true);
  assert.deepEqual(one, withMove([], last, true));
});

test('a move that was not heard of may go on, and one whose outcome was unknown gets one', () => {
  assert.equal(newerMove(told({ state: 'lost', toldMs: 5 }), told({ toldMs: 6 })).state, 'running');
  assert.equal(newerMove(told({ state: 'unknown', toldMs: 5 }), told({ state: 'done', toldMs: 6 })).state, 'done');
  assert.equal(newerMove(told({ state: 'done', toldMs: 5 }), told({ toldMs: 6 })).state, 'done');
});

test('how much is done is not said where nobody knows the whole', () => {
  assert.equal(progressOf(told({ totalBytes: null })), null);
  assert.equal(progressOf(told({ totalBytes: 0 })), null);
});

test('the slowest phase is the bottleneck, and there is none in a single phase', () => {
  const phases = [{ phase: 'check', lengthMs: 10, bytes: 0 }, { phase: 'upload', lengthMs: 90, bytes: 900 }, { phase: 'commit', lengthMs: 5, bytes: 0 }] as Move['phases'];
  const lines = phaseLines({ phases });
  assert.deepEqual(lines.map(({ bottleneck }) => bottleneck), [false, true, false]);
  assert.deepEqual(lines.map(({ startMs }) => startMs), [0, 10, 100]);
  assert.deepEqual(lines.map(({ bytesPerSecond }) => bytesPerSecond), [null, 10_000, null]);
  assert.equal(phaseLines({ phases: phases.slice(0, 1) })[0]!.bottleneck, false);
});
