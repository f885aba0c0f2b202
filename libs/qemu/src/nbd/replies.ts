import { ByteWriter } from '@godwit/base';
import { allocationContextId, chunk, chunkFlagDone, extentFlag, magic, nbdError, type NbdError } from './protocol.ts';

/** One part of the answer to a READ, in structured form. */
export type ReadPart =
  | { readonly kind: 'data'; readonly offsetBytes: number; readonly bytes: Buffer }
  | { readonly kind: 'hole'; readonly offsetBytes: number; readonly lengthBytes: number };

export interface Extent {
  readonly lengthBytes: number;
  readonly zero: boolean;
}

/** The pieces of a simple reply; `bytes` only with a READ that went well. */
export function encodeSimpleReply(cookie: bigint, error: NbdError, bytes?: Buffer): Buffer[] {
  const header = new ByteWriter(16).u32(magic.simpleReply).u32(error).u64(cookie).finish();
  return bytes === undefined ? [header] : [header, bytes];
}

/** NBD_REPLY_TYPE_NONE: done, nothing to say. */
export function encodeDone(cookie: bigint): Buffer[] {
  return [chunkHeader(cookie, chunk.none, 0, true).finish()];
}

/** ERROR, or ERROR_OFFSET when the place of the failure is known. `text` is for the client's log: ASCII, without secrets. */
export function encodeError(cookie: bigint, error: Exclude<NbdError, 0>, text: string, offsetBytes?: number): Buffer[] {
  const textBytes = Buffer.from(text, 'ascii');
  const place = offsetBytes === undefined ? 0 : 8;
  const writer = chunkHeader(cookie, place === 0 ? chunk.error : chunk.errorOffset, 6 + textBytes.length + place, true);
  writer.u32(error).u16(textBytes.length).put(textBytes);
  if (offsetBytes !== undefined) writer.u64(offsetBytes);
  return [writer.finish()];
}

/** OFFSET_DATA and OFFSET_HOLE chunks, the last of them marked as such. `parts`: not empty, not overlapping, covering the request. */
export function encodeReadParts(cookie: bigint, parts: readonly ReadPart[]): Buffer[] {
  return parts.flatMap((part, index) => {
    const done = index === parts.length - 1;
    if (part.kind === 'hole') return [chunkHeader(cookie, chunk.offsetHole, 12, done).u64(part.offsetBytes).u32(part.lengthBytes).finish()];
    return [chunkHeader(cookie, chunk.offsetData, 8 + part.bytes.length, done, 8).u64(part.offsetBytes).finish(), part.bytes];
  });
}

/** BLOCK_STATUS in the context base:allocation. What is known to be zero is a hole too: nothing is kept for it. */
export function encodeBlockStatus(cookie: bigint, extents: readonly Extent[]): Buffer[] {
  const writer = chunkHeader(cookie, chunk.blockStatus, 4 + extents.length * 8, true).u32(allocationContextId);
  for (const { lengthBytes, zero } of extents) writer.u32(lengthBytes).u32(zero ? extentFlag.hole | extentFlag.zero : 0);
  return [writer.finish()];
}

/** The reply that only says how it went, in the form that was negotiated. */
export function encodeOutcome(cookie: bigint, structured: boolean, error: NbdError, text: string, offsetBytes?: number): Buffer[] {
  if (!structured) return encodeSimpleReply(cookie, error);
  return error === nbdError.none ? encodeDone(cookie) : encodeError(cookie, error, text, offsetBytes);
}

/** `roomBytes`: how much of the chunk's data goes through the writer, all of it but the bytes of a read. */
function chunkHeader(cookie: bigint, type: number, lengthBytes: number, done: boolean, roomBytes = lengthBytes): ByteWriter {
  return new ByteWriter(20 + roomBytes).u32(magic.structuredReply).u16(done ? chunkFlagDone : 0).u16(type).u64(cookie).u32(lengthBytes);
}
