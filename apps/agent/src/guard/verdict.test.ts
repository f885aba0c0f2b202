import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { guardTimes } from './guard.ts';
import { guardVerdict, type GuardVerdict } from './verdict.ts';

const severity: readonly GuardVerdict[] = ['run', 'pause', 'kill'];
const time = fc.integer({ min: 0, max: 2 ** 45 });

describe('what a guard does at a time', () => {
  test('at each boundary', () => {
    const at = (beforeMs: number): GuardVerdict => guardVerdict(100_000 - beforeMs, 100_000, guardTimes);
    assert.deepEqual([30_000, 8_001, 8_000, 3_001, 3_000, 0, -1, -1e9].map(at), ['run', 'run', 'pause', 'pause', 'kill', 'kill', 'kill', 'kill']);
  });

  test('never gets milder as time goes on, nor stricter for a later deadline', () => {
    const verdict = (nowMs: number, deadlineMs: number): number => severity.indexOf(guardVerdict(nowMs, deadlineMs, guardTimes));
    fc.assert(fc.property(time, time, fc.nat(), (nowMs, deadlineMs, laterMs) => {
      assert.ok(verdict(nowMs + laterMs, deadlineMs) >= verdict(nowMs, deadlineMs));
      assert.ok(verdict(nowMs, deadlineMs + laterMs) <= verdict(nowMs, deadlineMs));
    }));
  });

  test('lets nothing run in the last 8 s, and nothing live in the last 3', () => {
    fc.assert(fc.property(time, fc.integer({ min: -1e9, max: 60_000 }), (deadlineMs, leftMs) => {
      const verdict = guardVerdict(deadlineMs - leftMs, deadlineMs, guardTimes);
      assert.equal(verdict === 'run', leftMs > 8_000);
      assert.equal(verdict === 'kill', leftMs <= 3_000);
    }));
  });
});
