import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defineRegion, type CheckpointReader, type Leaf } from '@godwit/snapshot';
import type { WorkingPage } from '../working-set/working-set.ts';
import { planScattered } from './scattered.ts';

const ram = defineRegion({ id: 0x1000, kind: 'ram', name: 'pc.ram', lengthBytes: 4096 * 4096 });
const disk = defineRegion({ id: 0x100, kind: 'disk', name: 'disk0', lengthBytes: 64 * 65_536 });
const sealedBytes = 100_000;

/** A checkpoint whose pages lie 64 to a frame, in their order; page 4095 is zero. */
const reader = {
  region: (id: number) => (id === ram.id ? ram : disk),
  leaf: (regionId: number, leafIndex: number): Promise<Leaf> =>
    Promise.resolve({
      regionId,
      leafIndex,
      frames: Array.from({ length: 16 }, (_, frame) => ({ packId: '0'.repeat(32) as Leaf['frames'][number]['packId'], frameIndex: leafIndex * 16 + frame, offsetBytes: 100 + (leafIndex * 16 + frame) * sealedBytes, sealedBytes, plainBytes: 4 + 64 * 4100, compressed: true, regionId })),
      references: Uint16Array.from({ length: 1024 }, (_, page) => (leafIndex === 3 && page === 1023 ? 0 : 1 + Math.floor(page / 64))),
      slots: Uint8Array.from({ length: 1024 }, (_, page) => page % 64),
    }),
} as unknown as CheckpointReader;

describe('pages that lie scattered', () => {
  const one = (frames: number): WorkingPage[] => Array.from({ length: frames }, (_, frame) => ({ regionId: ram.id, page: frame * 64 + 5 }));
  const together = Array.from({ length: 48 }, (_, at) => ({ regionId: ram.id, page: 63 * 64 + at }));

  test('are written anew where their frames take long to come: those of the thin frames', async () => {
    const found = await planScattered(reader, [...one(15), ...together, { regionId: ram.id, page: 4095 }, { regionId: disk.id, page: 3 }], 1000);
    assert.deepEqual([...found], [[ram.id, Uint32Array.from(one(15).map(({ page }) => page))]]);
  });

  test('are written anew where there are many frames, however fast the line is', async () => {
    for (const bytesPerMs of [1e9, undefined]) assert.equal((await planScattered(reader, one(50), bytesPerMs)).get(ram.id)?.length, 50);
  });

  test('stay where they are where a few frames come fast', async () => {
    assert.equal((await planScattered(reader, one(15), 100_000)).size, 0);
    assert.equal((await planScattered(reader, one(15), undefined)).size, 0);
    assert.equal((await planScattered(reader, together, 1)).size, 0, 'they lie together');
    assert.equal((await planScattered(reader, together.slice(1), 1)).get(ram.id)?.length, 47, 'too much comes along with them');
  });

  test('are at most so many that one checkpoint may write them: those with which most comes along', async () => {
    const at = (first: number, pages: readonly WorkingPage[]): WorkingPage[] => pages.map(({ regionId, page }) => ({ regionId, page: first + page }));
    const thick = Array.from({ length: 63 * 32 }, (_, page) => ({ regionId: ram.id, page: Math.floor(page / 32) * 64 + 16 + (page % 32) }));
    const thin = at(4096, one(63));
    const found = (await planScattered(reader, [...thick, ...thin, ...at(8192, thick), ...at(12_288, thick)], 1000)).get(ram.id)!;
    assert.equal(found.length, 4096);
    assert.deepEqual([...found.subarray(0, 63)], thin.map(({ page }) => page));
  });
});
