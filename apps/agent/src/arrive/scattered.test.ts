import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defineRegion, type CheckpointReader, type Leaf } from '@godwit/snapshot';
import { planScattered } from './scattered.ts';

const ram = defineRegion({ id: 0x1000, kind: 'ram', name: 'pc.ram', lengthBytes: 1024 * 4096 });
const disk = defineRegion({ id: 0x100, kind: 'disk', name: 'disk0', lengthBytes: 64 * 65_536 });
const sealedBytes = 100_000;

/** A checkpoint whose pages lie 64 to a frame, in their order; page 1023 is zero. */
const reader = {
  region: (id: number) => (id === ram.id ? ram : disk),
  leaf: (regionId: number, leafIndex: number): Promise<Leaf> =>
    Promise.resolve({
      regionId,
      leafIndex,
      frames: Array.from({ length: 16 }, (_, frameIndex) => ({ packId: '0'.repeat(32) as Leaf['frames'][number]['packId'], frameIndex, offsetBytes: 100 + frameIndex * sealedBytes, sealedBytes, plainBytes: 4 + 64 * 4100, compressed: true, regionId })),
      references: Uint16Array.from({ length: 1024 }, (_, page) => (page === 1023 ? 0 : 1 + Math.floor(page / 64))),
      slots: Uint8Array.from({ length: 1024 }, (_, page) => page % 64),
    }),
} as unknown as CheckpointReader;

describe('pages that lie scattered', () => {
  const one = Array.from({ length: 15 }, (_, frame) => ({ regionId: ram.id, page: frame * 64 + 5 }));
  const together = Array.from({ length: 16 }, (_, at) => ({ regionId: ram.id, page: 15 * 64 + at }));

  test('are written anew where their frames take long to come: those of the thin frames', async () => {
    const found = await planScattered(reader, [...one, ...together, { regionId: ram.id, page: 1023 }, { regionId: disk.id, page: 3 }], 1000);
    assert.deepEqual([...found], [[ram.id, Uint32Array.from(one.map(({ page }) => page))]]);
  });

  test('stay where they are on a fast line, and where nothing was measured', async () => {
    assert.equal((await planScattered(reader, one, 2000)).size, 0);
    assert.equal((await planScattered(reader, one, undefined)).size, 0);
    assert.equal((await planScattered(reader, together, 1)).size, 0, 'they lie together');
  });
});
