import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { againMs, idleIntervalsMax, idleShare, intervalMs, isDue, workShareMax, type PaceSeen } from './pace.ts';

/** xorshift32: the same cases in every run. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const random = dice(20_261_121);
const cases = Array.from({ length: 2_000 }, (): PaceSeen => ({
  everyMs: 10_000 + Math.floor(random() * 3_600_000),
  sinceMadeMs: random() < 0.1 ? undefined : Math.floor(random() * 20_000_000),
  tookMs: Math.floor(random() ** 4 * 5_000_000),
  failures: random() < 0.5 ? 0 : Math.floor(random() * 40),
  sinceFailedMs: Math.floor(random() * 10_000_000),
  busyShare: random() < 0.2 ? undefined : random() < 0.5 ? random() * idleShare : random() * 2,
}));
const sound = cases.filter(({ failures, sinceMadeMs }) => failures === 0 && sinceMadeMs !== undefined);

describe('when the next background checkpoint is due', () => {
  test('never before the interval, nor while the last one took more than its share of the time', () => {
    assert.ok(sound.some(isDue) && sound.some((seen) => !isDue(seen)));
    for (const seen of sound.filter(isDue)) {
      assert.ok(seen.sinceMadeMs! >= seen.everyMs, JSON.stringify(seen));
      assert.ok(seen.tookMs <= seen.sinceMadeMs! * workShareMax, JSON.stringify(seen));
    }
  });

  test('a guest at work waits no longer than that, an idle one at most four intervals', () => {
    for (const seen of sound.filter((each) => !isDue(each))) {
      const busy = seen.busyShare === undefined || seen.busyShare >= idleShare;
      assert.ok(seen.sinceMadeMs! < (busy ? intervalMs(seen) : Math.max(intervalMs(seen), seen.everyMs * idleIntervalsMax)), JSON.stringify(seen));
    }
  });

  test('time only ever brings it nearer, and more work never puts it off', () => {
    for (const seen of cases.filter(isDue)) {
      assert.ok(isDue({ ...seen, sinceFailedMs: seen.sinceFailedMs + 1_000, ...(seen.sinceMadeMs === undefined ? {} : { sinceMadeMs: seen.sinceMadeMs + 1_000 }) }));
      assert.ok(isDue({ ...seen, busyShare: 1 }));
    }
  });

  test('what fails is tried again soon, then less and less often, and never less than once in ten minutes or an interval', () => {
    const pauses = Array.from({ length: 30 }, (_, index) => againMs(60_000, index + 1));
    assert.deepEqual(pauses.slice(0, 4), [10_000, 20_000, 40_000, 80_000]);
    assert.deepEqual(pauses, pauses.toSorted((a, b) => a - b));
    assert.equal(pauses.at(-1), 600_000);
    assert.equal(againMs(3_600_000, 30), 3_600_000);
  });

  test('the first one is due at once', () => {
    assert.ok(isDue({ everyMs: 300_000, sinceMadeMs: undefined, tookMs: 0, failures: 0, sinceFailedMs: 0, busyShare: 0 }));
  });
});
