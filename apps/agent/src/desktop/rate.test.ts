import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ControlProgress } from '@godwit/wire';
import fc from 'fast-check';
import { PhaseReport } from './phase-report.ts';
import { leftMsOf, Rate } from './rate.ts';

describe('a rate', () => {
  test('of something steady is that, from the first second on, however often it is looked at', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 5, maxLength: 200 }), (bytesPerMs, gaps) => {
        const rate = new Rate();
        let atMs = 0;
        rate.look(atMs, 0);
        for (const gap of gaps) {
          atMs += gap;
          const found = rate.look(atMs, atMs * bytesPerMs);
          if (atMs < 1_000) assert.equal(found, null);
          else assert.ok(found !== null && Math.abs(found / (bytesPerMs * 1000) - 1) < 1e-9, `${found} at ${atMs} ms`);
        }
      }),
    );
  });

  test('is never above the fastest stretch nor below nothing, and forgets what is older than its window', () => {
    const steps = fc.array(fc.record({ gapMs: fc.integer({ min: 100, max: 1_000 }), bytes: fc.integer({ min: -5_000, max: 1_000_000 }) }), { minLength: 5, maxLength: 100 });
    fc.assert(
      fc.property(steps, (trace) => {
        const rate = new Rate();
        let atMs = 0;
        let doneBytes = 0;
        const recent: { atMs: number; bytesPerSecond: number }[] = [];
        rate.look(0, 0);
        for (const { gapMs, bytes } of trace) {
          atMs += gapMs;
          doneBytes = Math.max(0, doneBytes + bytes);
          recent.push({ atMs, bytesPerSecond: (Math.max(0, bytes) * 1000) / gapMs });
          const found = rate.look(atMs, doneBytes);
          if (found === null) continue;
          const fastest = Math.max(...recent.filter((step) => atMs - step.atMs < 5_000).map(({ bytesPerSecond }) => bytesPerSecond));
          assert.ok(found >= 0 && found <= fastest + 1e-6, `${found} above ${fastest}`);
        }
      }),
    );
  });

  test('falls to nothing when nothing moves, and then nobody knows how long it takes', () => {
    const rate = new Rate();
    for (let atMs = 0; atMs <= 5_000; atMs += 250) rate.look(atMs, atMs * 1000);
    const left: (number | null)[] = [];
    for (let atMs = 5_250; atMs <= 9_000; atMs += 250) left.push(leftMsOf({ doneBytes: 5_000_000, totalBytes: 10_000_000 }, rate.look(atMs, 5_000_000)));
    const known = left.filter((ms) => ms !== null);
    assert.ok(known.length > 3 && known.every((ms, index) => index === 0 || ms > known[index - 1]!), `the time left grows while it stands: ${left.join(' ')}`);
    assert.equal(left.at(-1), null);
  });

  /** How far the time left is off at each look of `lookMs`, as a part of what it is; `fromLook` on. `amounts`: bytes done at each look, the last is all. */
  function errorsOf(amounts: readonly number[], fromLook: number): number[] {
    const rate = new Rate();
    const totalBytes = amounts.at(-1)!;
    return amounts.flatMap((doneBytes, look) => {
      const left = leftMsOf({ doneBytes, totalBytes }, rate.look(look * lookMs, doneBytes));
      const realMs = (amounts.length - 1 - look) * lookMs;
      if (look < fromLook || realMs === 0) return [];
      assert.ok(left !== null);
      return [Math.abs(left / realMs - 1)];
    });
  }
  const lookMs = 250;
  /** The line at each look, beside its mean: off by an eighth at the most. */
  const wobbles = fc.array(fc.double({ min: 7 / 8, max: 9 / 8, noNaN: true }), { minLength: 80, maxLength: 400 });
  const amountsOf = (wobble: readonly number[], meanAt: (look: number) => number): number[] => wobble.reduce<number[]>((sums, part, look) => [...sums, sums.at(-1)! + (part * meanAt(look) * lookMs) / 1000], [0]);

  test('gives a time left that is off by 30 % at the most over the last half, where the line varies by an eighth', () => {
    fc.assert(
      fc.property(wobbles, fc.integer({ min: 1_000, max: 10 ** 8 }), (wobble, mean) => {
        const errors = errorsOf(amountsOf(wobble, () => mean), Math.floor(wobble.length / 2));
        assert.ok(errors.length > 20 && errors.every((error) => error < 0.3), `${Math.max(...errors)}`);
      }),
    );
  });

  test('gives one that is as good again three seconds after the line became slower or faster', () => {
    fc.assert(
      fc.property(wobbles, fc.double({ min: 0.1, max: 10, noNaN: true }), (wobble, factor) => {
        const half = Math.floor(wobble.length / 2);
        const errors = errorsOf(amountsOf(wobble, (look) => (look < half ? 10 ** 6 : factor * 10 ** 6)), half + 1 + 3_250 / lookMs);
        assert.ok(errors.length > 20 && errors.every((error) => error < 0.3), `${Math.max(...errors)} after ${factor} times`);
      }),
    );
  });

  test('says nothing about the time left without a total, without a rate, and never less than none', () => {
    assert.equal(leftMsOf({ doneBytes: 1, totalBytes: null }, 5), null);
    assert.equal(leftMsOf({ doneBytes: 1, totalBytes: 5 }, null), null);
    assert.equal(leftMsOf({ doneBytes: 1, totalBytes: 5 }, 0), null);
    assert.equal(leftMsOf({ doneBytes: 9, totalBytes: 5 }, 2), 0);
    assert.equal(leftMsOf({ doneBytes: 1, totalBytes: 5 }, 2), 2_000);
  });
});

describe('the report of a phase', () => {
  let nowMs = 0;
  const clock = { wallMs: () => nowMs, bootMs: () => nowMs, workMs: () => nowMs };

  test('tells rate and time left of what advances, and begins anew with each phase', () => {
    const told: ControlProgress[] = [];
    nowMs = 10_000;
    const report = new PhaseReport<'one' | 'two'>(clock, (progress) => told.push(progress), 'one');
    report.enter('one');
    for (let step = 1; step <= 20; step += 1) {
      nowMs += 100;
      report.advance(step * 1000, 40_000);
    }
    const last = told.at(-1)!;
    assert.deepEqual([last.phase, last.doneBytes, last.totalBytes, last.bytesPerSecond, last.leftMs, last.elapsedMs], ['one', 20_000, 40_000, 10_000, 2_000, 2_000]);
    report.enter('two');
    assert.deepEqual([told.at(-1)!.doneBytes, told.at(-1)!.bytesPerSecond, told.at(-1)!.leftMs], [0, null, null]);
  });

  test('follows one thing across phases, tells of a standstill by itself, and ends with it', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const told: ControlProgress[] = [];
    nowMs = 10_000;
    let doneBytes = 0;
    const report = new PhaseReport<'one' | 'two'>(clock, (progress) => told.push(progress), 'one');
    report.follow(() => ({ doneBytes, totalBytes: 10_000 }));
    for (let step = 0; step < 10; step += 1) {
      nowMs += 500;
      if (step < 4) doneBytes += 500;
      if (step === 3) report.enter('two');
      // What its phase would say is not what is followed.
      report.advance(77, 78);
      t.mock.timers.tick(500);
    }
    assert.ok(told.every((progress) => progress.doneBytes % 500 === 0 && progress.totalBytes === 10_000));
    assert.deepEqual([told.at(-1)!.bytesPerSecond, told.at(-1)!.leftMs], [0, null]);
    report.unfollow();
    const before = told.length;
    t.mock.timers.tick(5_000);
    assert.equal(told.length, before);
  });
});
