import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { Fault } from '@godwit/base';
import { rootPlainBytesMax } from './limits.ts';
import { windowLogMax, zstdFrameRefusal } from './zstd-frame.ts';

const compressAsync = promisify(zstdCompress);
const decompressAsync = promisify(zstdDecompress);
const level = 1;

/** What is sealed: the plaintext, or its zstd form when that is smaller. */
export interface Stored {
  readonly compressed: boolean;
  readonly bytes: Buffer;
  readonly plainBytes: number;
}

/** Runs on libuv's pool. `plain` must not change meanwhile. */
export async function compress(plain: Buffer): Promise<Stored> {
  const bytes = await compressAsync(plain, {
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_contentSizeFlag]: 1 },
    pledgedSrcSize: plain.length,
    chunkSize: Math.max(plain.length, 64),
  });
  return bytes.length < plain.length ? { compressed: true, bytes, plainBytes: plain.length } : { compressed: false, bytes: plain, plainBytes: plain.length };
}

/** The plaintext, exactly `plainBytes` long; FRAME_CORRUPT when there is more, less, or not one zstd frame and nothing else. */
export async function decompress({ compressed, bytes, plainBytes }: Stored): Promise<Buffer> {
  if (plainBytes > rootPlainBytesMax) throw new Fault('FRAME_CORRUPT', { expected: `at most ${rootPlainBytesMax} bytes`, found: `${plainBytes}` });
  if (!compressed) {
    if (bytes.length !== plainBytes) throw new Fault('FRAME_CORRUPT', { expected: `${plainBytes} bytes`, found: `${bytes.length}` });
    return bytes;
  }
  // One encoding per value: what would not get smaller is stored as it is.
  if (bytes.length >= plainBytes) throw new Fault('FRAME_CORRUPT', { expected: 'a compressed form smaller than the plaintext', found: `${bytes.length} bytes` });
  const refusal = zstdFrameRefusal(bytes, plainBytes);
  if (refusal !== undefined) throw new Fault('FRAME_CORRUPT', { expected: `one zstd frame of ${plainBytes} bytes`, found: refusal });
  let plain: Buffer;
  try {
    plain = await decompressAsync(bytes, { maxOutputLength: plainBytes, chunkSize: Math.max(plainBytes, 64), params: { [constants.ZSTD_d_windowLogMax]: windowLogMax } });
  } catch (error) {
    throw new Fault('FRAME_CORRUPT', { expected: `a compressed form of ${plainBytes} bytes`, cause: error });
  }
  if (plain.length !== plainBytes) throw new Fault('FRAME_CORRUPT', { expected: `${plainBytes} bytes`, found: `${plain.length}` });
  return plain;
}
