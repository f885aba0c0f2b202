import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync, type ZstdOptions } from 'node:zlib';
import { Fault } from '@godwit/base';
import { framePlainBytesMax, rootPlainBytesMax } from './limits.ts';
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
  return smaller(plain, await compressAsync(plain, compression(plain.length)));
}

/** `compress` for a thread that has nothing else to do. */
export function compressSync(plain: Buffer): Stored {
  return smaller(plain, zstdCompressSync(plain, compression(plain.length)));
}

function compression(plainBytes: number): ZstdOptions & { readonly pledgedSrcSize: number } {
  return {
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_contentSizeFlag]: 1 },
    pledgedSrcSize: plainBytes,
    chunkSize: Math.max(plainBytes, 64),
  };
}

function smaller(plain: Buffer, bytes: Buffer): Stored {
  return bytes.length < plain.length ? { compressed: true, bytes, plainBytes: plain.length } : { compressed: false, bytes: plain, plainBytes: plain.length };
}

/**
 * The plaintext, exactly `plainBytes` long; FRAME_CORRUPT when there is more, less, or not one zstd frame and nothing else. What is no larger
 * than a frame of pages is decompressed at once, in about 0.4 ms: to hand it to Node's pool and back costs as much again, and a page fault waits.
 */
export async function decompress(stored: Stored): Promise<Buffer> {
  if (stored.plainBytes <= framePlainBytesMax) return decompressSync(stored);
  checkStored(stored);
  const { compressed, bytes, plainBytes } = stored;
  if (!compressed) return bytes;
  try {
    return checkPlain(await decompressAsync(bytes, decompression(plainBytes)), plainBytes);
  } catch (error) {
    throw refusal(plainBytes, error);
  }
}

/** `decompress` for a thread that has nothing else to do. */
export function decompressSync(stored: Stored): Buffer {
  checkStored(stored);
  const { compressed, bytes, plainBytes } = stored;
  if (!compressed) return bytes;
  try {
    return checkPlain(zstdDecompressSync(bytes, decompression(plainBytes)), plainBytes);
  } catch (error) {
    throw refusal(plainBytes, error);
  }
}

function decompression(plainBytes: number): ZstdOptions {
  return { maxOutputLength: plainBytes, chunkSize: Math.max(plainBytes, 64), params: { [constants.ZSTD_d_windowLogMax]: windowLogMax } };
}

function refusal(plainBytes: number, error: unknown): Fault {
  return error instanceof Fault ? error : new Fault('FRAME_CORRUPT', { expected: `a compressed form of ${plainBytes} bytes`, cause: error });
}

function checkPlain(plain: Buffer, plainBytes: number): Buffer {
  if (plain.length !== plainBytes) throw new Fault('FRAME_CORRUPT', { expected: `${plainBytes} bytes`, found: `${plain.length}` });
  return plain;
}

/** All that can be said of a stored form without decompressing it. */
function checkStored({ compressed, bytes, plainBytes }: Stored): void {
  if (plainBytes > rootPlainBytesMax) throw new Fault('FRAME_CORRUPT', { expected: `at most ${rootPlainBytesMax} bytes`, found: `${plainBytes}` });
  if (!compressed) {
    if (bytes.length !== plainBytes) throw new Fault('FRAME_CORRUPT', { expected: `${plainBytes} bytes`, found: `${bytes.length}` });
    return;
  }
  // One encoding per value: what would not get smaller is stored as it is.
  if (bytes.length >= plainBytes) throw new Fault('FRAME_CORRUPT', { expected: 'a compressed form smaller than the plaintext', found: `${bytes.length} bytes` });
  const found = zstdFrameRefusal(bytes, plainBytes);
  if (found !== undefined) throw new Fault('FRAME_CORRUPT', { expected: `one zstd frame of ${plainBytes} bytes`, found });
}
