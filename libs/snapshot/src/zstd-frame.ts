/** The outside of a zstd frame (RFC 8878, section 3.1.1): enough to tell one frame from two, without decompressing. */
const magic = 0xfd2f_b528;
const magicBytes = 4;
const checksumFlag = 0x04;
const reservedFlag = 0x08;
const singleSegmentFlag = 0x20;
const blockHeaderBytes = 3;
/** 8 MiB: the largest plaintext (a root) needs no larger window, and a hostile frame can't ask for more memory than that. */
export const windowLogMax = 23;
const blockKinds = { raw: 0, rle: 1, compressed: 2 } as const;

/**
 * Why `bytes` is not exactly one zstd frame that announces `plainBytes` of content, without dictionary and without check sum (the seal
 * is one), or undefined. A decompressor also takes several frames one after the other, and such as say nothing of their length.
 */
export function zstdFrameRefusal(bytes: Buffer, plainBytes: number): string | undefined {
  if (bytes.length < magicBytes + 1 || bytes.readUInt32LE(0) !== magic) return 'no zstd frame';
  const descriptor = bytes.readUInt8(magicBytes);
  if ((descriptor & (checksumFlag | reservedFlag | 0x03)) !== 0) return `flags ${descriptor} of a zstd frame`;
  const single = (descriptor & singleSegmentFlag) !== 0;
  const sizeFlag = descriptor >> 6;
  const contentAt = magicBytes + 1 + (single ? 0 : 1);
  const contentBytes = sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag;
  if (contentBytes === 0) return 'a zstd frame without the length of its content';
  if (contentAt + contentBytes > bytes.length) return 'part of a zstd frame';
  // A decompressor that sees the whole frame at once does not look at the window.
  if (!single && windowBytes(bytes.readUInt8(magicBytes + 1)) > 2 ** windowLogMax) return 'too large a window';
  if (contentLength(bytes, contentAt, contentBytes) !== plainBytes) return 'a zstd frame of another length';
  const end = endOfBlocks(bytes, contentAt + contentBytes);
  if (end === undefined) return 'part of a zstd frame';
  return end === bytes.length ? undefined : `${bytes.length - end} bytes after a zstd frame`;
}

/** Exponent in five bits, eighths in three. */
function windowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 0x07);
}

function contentLength(bytes: Buffer, at: number, lengthBytes: number): number {
  if (lengthBytes === 8) return Number(bytes.readBigUInt64LE(at));
  // Two bytes begin where one byte ends.
  return bytes.readUIntLE(at, lengthBytes) + (lengthBytes === 2 ? 256 : 0);
}

/** Where the last block ends; undefined when there is none or a kind of block that is reserved. */
function endOfBlocks(bytes: Buffer, start: number): number | undefined {
  for (let at = start; at + blockHeaderBytes <= bytes.length; ) {
    const header = bytes.readUIntLE(at, blockHeaderBytes);
    const kind = (header >> 1) & 0x03;
    if (kind > blockKinds.compressed) return undefined;
    at += blockHeaderBytes + (kind === blockKinds.rle ? 1 : header >> 3);
    if ((header & 1) === 1) return at;
  }
  return undefined;
}
