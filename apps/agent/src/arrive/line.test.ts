import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, type Clock } from '@godwit/base';
import { memoryStore } from '@godwit/snapshot';
import fc from 'fast-check';
import { fillPace, Line, measured } from './line.ts';

const KiB = 1024;

/** A line with a queue: what is asked for arrives one after the other at `bytesPerMs`, each half a round trip after it was sent. */
function fillOver(line: Line, { bytesPerMs, roundTripMs, totalBytes }: { bytesPerMs: number; roundTripMs: number; totalBytes: number }): { readonly tookMs: number; readonly longestQueueMs: number } {
  const underway: { beganMs: number; endMs: number; lengthBytes: number }[] = [];
  // The root of the page table comes first, alone.
  line.began(0);
  line.ended(roundTripMs, 0, 4 * KiB);
  let [nowMs, freeAtMs, askedBytes, longestQueueMs] = [roundTripMs, 0, 0, 0];
  while (askedBytes < totalBytes || underway.length > 0) {
    const { coalesceBytes, inFlight } = line.fillPace();
    while (askedBytes < totalBytes && underway.length < inFlight) {
      line.began(nowMs);
      freeAtMs = Math.max(freeAtMs, nowMs + roundTripMs / 2) + coalesceBytes / bytesPerMs;
      underway.push({ beganMs: nowMs, endMs: freeAtMs + roundTripMs / 2, lengthBytes: coalesceBytes });
      askedBytes += coalesceBytes;
      longestQueueMs = Math.max(longestQueueMs, freeAtMs - nowMs - roundTripMs / 2);
    }
    const { beganMs, endMs, lengthBytes } = underway.shift()!;
    nowMs = endMs;
    line.ended(nowMs, beganMs, lengthBytes);
  }
  return { tookMs: nowMs, longestQueueMs };
}

test('on any line the fill takes at most two and a half times what the line needs, and a fault waits behind little', () => {
  fc.assert(
    fc.property(fc.integer({ min: 250, max: 125_000 }), fc.integer({ min: 1, max: 150 }), (bytesPerMs, roundTripMs) => {
      const totalBytes = bytesPerMs * 20_000;
      const { tookMs, longestQueueMs } = fillOver(new Line(), { bytesPerMs, roundTripMs, totalBytes });
      // Eight requests of half a mebibyte is all that is under way: beyond that a line is too long to be filled.
      const bestMs = totalBytes / Math.min(bytesPerMs, (7 * 512 * KiB) / roundTripMs);
      assert.ok(tookMs < bestMs * 2.5 + 1000, `${tookMs} ms where ${bestMs} would do`);
      const smallestMs = (64 * KiB) / bytesPerMs;
      // A millisecond for the rounding of times that were added up.
      assert.ok(longestQueueMs <= Math.max(8 * smallestMs, 250) + 1, `a fault waits behind ${longestQueueMs} ms of fill`);
    }),
    { numRuns: 60 },
  );
});

test('20 Mbit/s and 60 ms: requests of 64 KiB, four or so of them under way, and both figures are found', () => {
  const line = new Line();
  fillOver(line, { bytesPerMs: 2500, roundTripMs: 60, totalBytes: 20_000_000 });
  const { coalesceBytes, inFlight } = line.fillPace();
  assert.equal(coalesceBytes, 64 * KiB);
  assert.ok(inFlight >= 3 && inFlight <= 6, `${inFlight} under way`);
  assert.ok(line.bytesPerMs! > 1700 && line.bytesPerMs! < 3000, `${line.bytesPerMs} bytes per ms`);
});

test('the pace stays within its bounds, and a burst has more under way than a fill', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e7, noNaN: true }), fc.double({ min: 0, max: 1e5, noNaN: true }), (bytesPerMs, roundTripMs) => {
      const { coalesceBytes, inFlight } = fillPace(bytesPerMs, roundTripMs);
      assert.ok(Number.isInteger(coalesceBytes) && coalesceBytes >= 64 * KiB && coalesceBytes <= 512 * KiB);
      assert.ok(Number.isInteger(inFlight) && inFlight >= 1 && inFlight <= 8);
    }),
  );
  assert.ok(new Line().burstPace().inFlight >= 4);
});

test('a store is measured as it is read, and a request that fails counts as no bytes', async () => {
  let nowMs = 1000;
  const clock: Clock = { wallMs: () => nowMs, bootMs: () => nowMs, workMs: () => nowMs };
  const inner = memoryStore();
  const key = `d-${'1'.repeat(32)}/e-${'0'.repeat(15)}1/h-${'2'.repeat(32)}/p-${'3'.repeat(32)}`;
  await inner.put(key, Buffer.alloc(100_000));
  const line = new Line();
  const slow = { ...inner, get: async (...asked: Parameters<typeof inner.get>) => {
    nowMs += 50;
    return await inner.get(...asked);
  } };
  const store = measured(slow, line, clock);
  assert.equal((await store.get(key, { offsetBytes: 0, lengthBytes: 100_000 })).length, 100_000);
  assert.equal(line.bytesPerMs, 2000);
  await assert.rejects(store.get(key.replace(/3/g, '4')), Fault);
  assert.equal(line.bytesPerMs, 2000);
  assert.equal(await store.size(key), 100_000);
});
