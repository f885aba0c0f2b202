import { crc32 } from 'node:zlib';
import { limits, type ByteRange } from '@godwit/snapshot';

/**
 * How the warm cache lays out what it has of one object: a file of records, one per range that was kept, each
 *
 *   magic u32, offset u32, length u32, crc32 per block of 32 KiB u32 each, crc32 of the name and all of this u32, then the range's bytes
 *
 * little-endian. What a crash tears or a hand changes does not fit its checksums, and is as if it were not there. Pure.
 */

const { objectBytesMax } = limits;

/** A frame of memory is a few of them: reading one reads little more, and the checksums of a pack take one KiB. */
export const blockBytes = 32 * 1024;
/** "GWC1" */
const magic = 0x31435747;
const fixedBytes = 12;
const crcBytes = 4;

/** The longest header there is: of a whole object of the largest size. */
export const headerBytesMax = headerBytesOf(objectBytesMax);

/** Bytes of an object that lie in the file in one piece and have one checksum. */
export interface Block extends ByteRange {
  readonly crc: number;
  /** Where in the file. */
  readonly atBytes: number;
}

export function headerBytesOf(lengthBytes: number): number {
  return fixedBytes + crcBytes * (Math.ceil(lengthBytes / blockBytes) + 1);
}

/** The header of a record with `bytes` of the object from `offsetBytes` on. */
export function encodeHeader(name: string, offsetBytes: number, bytes: Buffer): Buffer {
  const header = Buffer.alloc(headerBytesOf(bytes.length));
  header.writeUInt32LE(magic, 0);
  header.writeUInt32LE(offsetBytes, 4);
  header.writeUInt32LE(bytes.length, 8);
  for (let start = 0, at = fixedBytes; start < bytes.length; start += blockBytes, at += crcBytes) header.writeUInt32LE(crc32(bytes.subarray(start, start + blockBytes)), at);
  header.writeUInt32LE(headerCrc(name, header), header.length - crcBytes);
  return header;
}

/** The blocks of the record that begins at `atBytes` of the file with `bytes`, at least its header; undefined where no record of `name` begins. */
export function decodeHeader(name: string, bytes: Buffer, atBytes: number): { readonly recordBytes: number; readonly blocks: readonly Block[] } | undefined {
  if (bytes.length < fixedBytes || bytes.readUInt32LE(0) !== magic) return undefined;
  const offsetBytes = bytes.readUInt32LE(4);
  const lengthBytes = bytes.readUInt32LE(8);
  if (lengthBytes < 1 || offsetBytes + lengthBytes > objectBytesMax) return undefined;
  const headerBytes = headerBytesOf(lengthBytes);
  if (bytes.length < headerBytes) return undefined;
  const header = bytes.subarray(0, headerBytes);
  if (header.readUInt32LE(headerBytes - crcBytes) !== headerCrc(name, header)) return undefined;
  const blocks = Array.from({ length: Math.ceil(lengthBytes / blockBytes) }, (_, index): Block => ({
    offsetBytes: offsetBytes + index * blockBytes,
    lengthBytes: Math.min(blockBytes, lengthBytes - index * blockBytes),
    crc: header.readUInt32LE(fixedBytes + index * crcBytes),
    atBytes: atBytes + headerBytes + index * blockBytes,
  }));
  return { recordBytes: headerBytes + lengthBytes, blocks };
}

export function isIntact(block: Block, bytes: Buffer): boolean {
  return bytes.length === block.lengthBytes && crc32(bytes) === block.crc;
}

/** With the name in it: a file that was swapped for another is no file of this object. */
function headerCrc(name: string, header: Buffer): number {
  return crc32(header.subarray(0, header.length - crcBytes), crc32(name));
}
