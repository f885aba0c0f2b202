import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineRegion, type CheckpointReader, type FrameLocation, type LocatedFrame, type ReadPlan } from '@godwit/snapshot';
import type { Pace } from './line.ts';
import { LiveFrames } from './live-frames.ts';

const ram = defineRegion({ id: 0x1000, kind: 'ram', name: 'pc.ram', lengthBytes: 2 ** 24 });
const packId = '0'.repeat(32) as FrameLocation['packId'];
const KiB = 1024;

/** Frames of so many sealed bytes each, one page in each. */
function framesOf(count: number, sealedBytes: number): FrameLocation[] {
  return Array.from({ length: count }, (_, frameIndex) => ({ packId, frameIndex, offsetBytes: frameIndex * sealedBytes, sealedBytes, plainBytes: 4104, compressed: true, regionId: ram.id }));
}

/** Reads each frame by a request of its own, which ends when it is told to. */
class SlowReader {
  readonly underway: (() => void)[] = [];
  most = 0;

  readonly region = (): typeof ram => ram;
  readonly livePages = (): Promise<readonly number[]> => Promise.resolve([0]);
  readonly planFrames = (locations: readonly FrameLocation[]): ReadPlan<FrameLocation>[] =>
    locations.map((location) => ({ packId, range: { offsetBytes: location.offsetBytes, lengthBytes: location.sealedBytes }, frames: [location] }));

  readonly readPlan = async ({ frames }: ReadPlan<FrameLocation>): Promise<LocatedFrame[]> => {
    await new Promise<void>((resolve) => {
      this.underway.push(resolve);
      this.most = Math.max(this.most, this.underway.length);
    });
    return frames.map((location) => ({ location, regionId: ram.id, pages: Uint32Array.of(location.frameIndex), bytes: Buffer.alloc(4096) }));
  };
}

/** How many requests were under way at the most while `locations` were brought, all of them, in their order. */
async function mostUnderWay(locations: readonly FrameLocation[], pace: Pace): Promise<number> {
  const reader = new SlowReader();
  const frames = new LiveFrames(reader as unknown as CheckpointReader);
  const brought: number[] = [];
  const bringing = (async () => {
    for await (const { location } of frames.bring(locations, () => pace, () => true)) brought.push(location.frameIndex);
  })();
  while (brought.length < locations.length) {
    await new Promise((resolve) => setImmediate(resolve));
    reader.underway.shift()?.();
  }
  await bringing;
  assert.deepEqual(brought, locations.map(({ frameIndex }) => frameIndex));
  return reader.most;
}

test('as many requests are under way as fill the line behind the first, counted in bytes', async () => {
  const slow: Pace = { coalesceBytes: 64 * KiB, inFlight: 8, lineBytes: 150 * KiB };
  assert.equal(await mostUnderWay(framesOf(20, 160 * KiB), slow), 2);
  assert.equal(await mostUnderWay(framesOf(20, 50 * KiB), slow), 4);
  assert.equal(await mostUnderWay(framesOf(40, 4 * KiB), slow), 8, 'but never more than that');
  assert.equal(await mostUnderWay(framesOf(20, 160 * KiB), { ...slow, lineBytes: 0 }), 1, 'and always one');
});
