import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { Fault } from '@godwit/base';
import { compress, decompress } from './compression.ts';
import { zstdFrameRefusal } from './zstd-frame.ts';

const refused = async (bytes: Buffer, plainBytes: number, why: string): Promise<void> => {
  await assert.rejects(decompress({ compressed: true, bytes, plainBytes }), (error) => error instanceof Fault && error.code === 'FRAME_CORRUPT', why);
};

test('whatever the writer compresses is one frame, and not one byte less or more', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 300_000 }), fc.nat(255), fc.nat(4000), async (lengthBytes, fill, noiseBytes) => {
      const plain = Buffer.alloc(lengthBytes, fill);
      randomBytes(Math.min(noiseBytes, lengthBytes)).copy(plain);
      const stored = await compress(plain);
      assert.ok((await decompress(stored)).equals(plain));
      if (!stored.compressed) return;
      assert.equal(zstdFrameRefusal(stored.bytes, lengthBytes), undefined);
      assert.notEqual(zstdFrameRefusal(stored.bytes, lengthBytes + 1), undefined);
      assert.notEqual(zstdFrameRefusal(Buffer.concat([stored.bytes, Buffer.of(0)]), lengthBytes), undefined);
      assert.notEqual(zstdFrameRefusal(stored.bytes.subarray(0, -1), lengthBytes), undefined);
    }),
    { numRuns: 40 },
  );
});

test('two frames in one, skippable frames, and frames without their length are refused', async () => {
  const [half, other] = [(await compress(Buffer.alloc(2000, 1))).bytes, (await compress(Buffer.alloc(2000, 2))).bytes];
  await refused(Buffer.concat([half, other]), 4000, 'two frames whose contents are as long as announced');
  await refused(Buffer.concat([half, other]), 2000, 'a frame and what a decompressor may take or leave');
  const empty = zstdCompressSync(Buffer.alloc(0));
  await refused(Buffer.concat([half, empty]), 2000, 'an empty frame after it');
  await refused(Buffer.concat([empty, half]), 2000, 'an empty frame before it');
  const skippable = Buffer.from('502a4d1803000000616263', 'hex');
  await refused(Buffer.concat([skippable, half]), 2000, 'a skippable frame before it');
  await refused(Buffer.concat([half, skippable]), 2000, 'a skippable frame after it');
  const checked = zstdCompressSync(Buffer.alloc(2000, 1), { params: { [constants.ZSTD_c_checksumFlag]: 1 }, pledgedSrcSize: 2000 });
  await refused(checked, 2000, 'a check sum');
  const unsized = zstdCompressSync(Buffer.alloc(2000, 1), { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });
  await refused(unsized, 2000, 'no length');
});

test('a frame that announces less than it holds is refused while it grows', async () => {
  const bomb = Buffer.from((await compress(Buffer.alloc(4 * 1024 * 1024))).bytes);
  // Descriptor: single segment or window, then four bytes of length.
  const at = (bomb[4]! & 0x20) === 0 ? 6 : 5;
  assert.equal(bomb.readUInt32LE(at), 4 * 1024 * 1024);
  bomb.writeUInt32LE(200_000, at);
  assert.equal(zstdFrameRefusal(bomb, 200_000), undefined, 'from outside it looks as it should');
  await refused(bomb, 200_000, 'a bomb');
});
