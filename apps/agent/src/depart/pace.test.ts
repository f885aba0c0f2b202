import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Pace, pauseAimMs } from './pace.ts';

const lookMs = 250;

interface Line {
  readonly memoryBytes: number;
  readonly drainBytesPerSecond: number;
  readonly dirtyBytesPerSecond: number;
}

interface Ended {
  /** The round in which it was told to stop the guest; undefined: never. */
  readonly round: number | undefined;
  readonly leftBytes: number;
  readonly bandwidths: number[];
  readonly switches: number;
}

/** QEMU's pre-copy, four looks a second: what is left goes down at the rate of the line, or of the cap; when it is gone, what was dirtied meanwhile is left. */
function migrate({ memoryBytes, drainBytesPerSecond, dirtyBytesPerSecond }: Line, looksMax = 200_000): Ended {
  const pace = new Pace();
  const bandwidths: number[] = [];
  let round = 1;
  let left = memoryBytes;
  let dirtied = 0;
  let transferredBytes = 0;
  let cap = Infinity;
  let switches = 0;
  let ended: { round: number; leftBytes: number } | undefined;
  for (let look = 0; look < looksMax && switches < 2; look += 1) {
    const sent = Math.min(left, (Math.min(cap, drainBytesPerSecond) * lookMs) / 1000);
    transferredBytes += sent;
    left -= sent;
    dirtied = Math.min(memoryBytes, dirtied + (dirtyBytesPerSecond * lookMs) / 1000);
    if (left === 0) {
      round += 1;
      left = dirtied;
      dirtied = 0;
    }
    const step = pace.look({ atMs: look * lookMs, round, remainingBytes: left, transferredBytes });
    if (step.maxBandwidthBytes !== undefined) bandwidths.push((cap = step.maxBandwidthBytes));
    if (step.switchOver) {
      switches += 1;
      ended = { round, leftBytes: left };
      // Once is enough: a few more looks must not say it again.
      looksMax = Math.min(looksMax, look + 10);
    }
  }
  return { round: ended?.round, leftBytes: ended?.leftBytes ?? left, bandwidths, switches };
}

const lines = fc.record({
  memoryBytes: fc.integer({ min: 64, max: 8192 }).map((mib) => mib * 2 ** 20),
  drainBytesPerSecond: fc.integer({ min: 2_000_000, max: 1_000_000_000 }),
  dirtyPart: fc.double({ min: 0, max: 3, noNaN: true }),
});

describe('the pace of a pre-copy', () => {
  test('whatever the line and the guest, it ends, once, after the first pass and within 31 rounds', () => {
    fc.assert(
      fc.property(lines, ({ dirtyPart, ...line }) => {
        const { round, switches } = migrate({ ...line, dirtyBytesPerSecond: line.drainBytesPerSecond * dirtyPart });
        assert.ok(round !== undefined && round >= 2 && round <= 31, `round ${round}`);
        assert.equal(switches, 1);
      }),
      { numRuns: 150 },
    );
  });

  test('a guest that writes slower than half of the line is stopped when the rest fits the pause', () => {
    fc.assert(
      fc.property(lines, ({ dirtyPart, ...line }) => {
        const { leftBytes } = migrate({ ...line, dirtyBytesPerSecond: line.drainBytesPerSecond * Math.min(0.5, dirtyPart) });
        assert.ok(leftBytes <= (line.drainBytesPerSecond * pauseAimMs) / 1000 + 1, `${leftBytes} bytes at ${line.drainBytesPerSecond}/s`);
      }),
      { numRuns: 150 },
    );
  });

  test('a guest that writes as fast as the line is not chased for long', () => {
    const { round } = migrate({ memoryBytes: 2 ** 30, drainBytesPerSecond: 50_000_000, dirtyBytesPerSecond: 50_000_000 });
    assert.ok(round !== undefined && round <= 5, `round ${round}`);
  });

  test('one that rounds still help goes on, far from the pause', () => {
    const pace = new Pace();
    let left = 2 ** 30;
    for (let round = 1; round <= 8; round += 1) {
      for (let look = 0; look < 8; look += 1) {
        const { switchOver } = pace.look({ atMs: (round * 8 + look) * lookMs, round, remainingBytes: left, transferredBytes: (round * 8 + look) * 1_000_000 });
        assert.equal(switchOver, false, `round ${round}, ${left} bytes left`);
      }
      left *= 0.8;
    }
  });

  test('sets no bandwidth in the first pass, then a little above what the receiver takes, and not again for a small change', () => {
    const pace = new Pace();
    const steps = Array.from({ length: 40 }, (_, look) => pace.look({ atMs: look * lookMs, round: look < 20 ? 1 : 2, remainingBytes: 2 ** 30 - look, transferredBytes: look * 2_500_000 }));
    assert.ok(steps.slice(0, 20).every(({ maxBandwidthBytes }) => maxBandwidthBytes === undefined));
    assert.deepEqual(steps.slice(20).flatMap(({ maxBandwidthBytes }) => maxBandwidthBytes ?? []), [12_500_000]);
    const faster = pace.look({ atMs: 43 * lookMs, round: 2, remainingBytes: 2 ** 29, transferredBytes: 43 * 2_500_000 + 60_000_000 });
    assert.ok(faster.maxBandwidthBytes !== undefined && faster.maxBandwidthBytes > 12_500_000);
  });

  test('a receiver that takes nothing is waited for', () => {
    const pace = new Pace();
    for (let look = 0; look < 400; look += 1) {
      assert.deepEqual(pace.look({ atMs: look * lookMs, round: 2, remainingBytes: 2 ** 30, transferredBytes: 1_000_000 }), { switchOver: false, maxBandwidthBytes: undefined });
    }
  });
});
