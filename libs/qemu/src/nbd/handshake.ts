import { ByteReader, ByteWriter, Fault } from '@godwit/base';
import type { ByteQueue } from './byte-queue.ts';
import { allocationContextId, handshakeFlag, info, magic, nbdLimits, optionReply } from './protocol.ts';

/** What the client says about itself after the greeting. */
export interface ClientFlags {
  /** The reply to EXPORT_NAME then goes without its 124 zero bytes. */
  readonly noZeroes: boolean;
}

/** One option, its data not yet looked into. */
export interface NbdOption {
  readonly code: number;
  readonly data: Buffer;
}

/** Data of GO and INFO. Which information the client asks for does not matter: it gets what there is. */
export interface ExportChoice {
  readonly name: string;
}

/** Data of LIST_META_CONTEXT and SET_META_CONTEXT. */
export interface ContextChoice {
  readonly name: string;
  readonly queries: readonly string[];
}

const optionHeaderBytes = 16;

export function encodeGreeting(): Buffer {
  return new ByteWriter(18).u64(magic.server).u64(magic.option).u16(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes).finish();
}

/** Undefined while incomplete. NBD_MESSAGE_BAD for a client that does not speak fixed newstyle or sets flags that do not exist. */
export function takeClientFlags(queue: ByteQueue): ClientFlags | undefined {
  const flags = queue.take(4)?.readUInt32BE();
  if (flags === undefined) return undefined;
  const known = handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes;
  if ((flags & handshakeFlag.fixedNewstyle) === 0 || flags > known) {
    throw new Fault('NBD_MESSAGE_BAD', { subject: 'client flags', expected: 'fixed newstyle (1) and no zeroes (2)', found: String(flags) });
  }
  return { noZeroes: (flags & handshakeFlag.noZeroes) !== 0 };
}

/** Undefined while incomplete. NBD_MESSAGE_BAD for a wrong magic, NBD_LIMIT_EXCEEDED before data over the limit is waited for. */
export function takeOption(queue: ByteQueue): NbdOption | undefined {
  const header = queue.peek(optionHeaderBytes);
  if (header === undefined) return undefined;
  const reader = new ByteReader(header);
  const found = reader.u64();
  if (found !== magic.option) throw new Fault('NBD_MESSAGE_BAD', { subject: 'option', expected: 'the magic IHAVEOPT', found: found.toString(16) });
  const code = reader.u32();
  const dataBytes = reader.u32();
  if (dataBytes > nbdLimits.optionBytes) {
    throw new Fault('NBD_LIMIT_EXCEEDED', { subject: `option ${code}`, expected: `at most ${nbdLimits.optionBytes} bytes`, found: String(dataBytes) });
  }
  if (queue.lengthBytes < optionHeaderBytes + dataBytes) return undefined;
  queue.skip(optionHeaderBytes);
  return { code, data: queue.take(dataBytes) ?? Buffer.alloc(0) };
}

/** The decoders of an option's data throw NBD_MESSAGE_BAD or NBD_LIMIT_EXCEEDED; the session answers these with NBD_REP_ERR_INVALID. */
export function decodeExportChoice(data: Buffer): ExportChoice {
  const reader = new ByteReader(data, 'NBD_MESSAGE_BAD');
  const name = readText(reader);
  const requests = reader.u16();
  reader.take(requests * 2);
  refuseRest(reader);
  return { name };
}

export function decodeContextChoice(data: Buffer): ContextChoice {
  const reader = new ByteReader(data, 'NBD_MESSAGE_BAD');
  const name = readText(reader);
  const count = reader.u32();
  // Each query has at least its four bytes of length, so the data bounds the loop before it starts.
  if (count > reader.remainingBytes / 4) {
    throw new Fault('NBD_MESSAGE_BAD', { subject: 'queries', expected: `at most ${Math.floor(reader.remainingBytes / 4)}`, found: String(count) });
  }
  const queries: string[] = [];
  for (let index = 0; index < count; index += 1) queries.push(readText(reader));
  refuseRest(reader);
  return { name, queries };
}

/** Data of EXPORT_NAME: the name is all there is. */
export function decodeName(data: Buffer): string {
  const text = data.toString('utf8');
  if (data.length > nbdLimits.nameBytes) {
    throw new Fault('NBD_LIMIT_EXCEEDED', { subject: 'name', expected: `at most ${nbdLimits.nameBytes} bytes`, found: String(data.length) });
  }
  if (!Buffer.from(text, 'utf8').equals(data) || text.includes('\0')) throw new Fault('NBD_MESSAGE_BAD', { subject: 'name', expected: 'UTF-8 without zero bytes' });
  return text;
}

export function encodeOptionReply(code: number, reply: number, data: Uint8Array = Buffer.alloc(0)): Buffer {
  return new ByteWriter(20 + data.length).u64(magic.optionReply).u32(code).u32(reply).u32(data.length).put(data).finish();
}

/** NBD_REP_SERVER of LIST. */
export function encodeExportListed(code: number, name: string): Buffer {
  const bytes = Buffer.from(name, 'utf8');
  return encodeOptionReply(code, optionReply.server, new ByteWriter(4 + bytes.length).u32(bytes.length).put(bytes).finish());
}

/** NBD_REP_INFO with NBD_INFO_EXPORT. `flags`: transmission flags. */
export function encodeInfoExport(code: number, lengthBytes: number, flags: number): Buffer {
  return encodeOptionReply(code, optionReply.info, new ByteWriter(12).u16(info.export).u64(lengthBytes).u16(flags).finish());
}

/** NBD_REP_INFO with NBD_INFO_BLOCK_SIZE: any alignment will do, one cluster is liked best. */
export function encodeInfoBlockSize(code: number): Buffer {
  const preferredBytes = 65536;
  return encodeOptionReply(code, optionReply.info, new ByteWriter(14).u16(info.blockSize).u32(1).u32(preferredBytes).u32(nbdLimits.requestBytes).finish());
}

/** NBD_REP_META_CONTEXT; the id counts only for SET, a LIST has 0 there. */
export function encodeMetaContext(code: number, name: string, chosen: boolean): Buffer {
  const bytes = Buffer.from(name, 'utf8');
  return encodeOptionReply(code, optionReply.metaContext, new ByteWriter(4 + bytes.length).u32(chosen ? allocationContextId : 0).put(bytes).finish());
}

/** The reply to EXPORT_NAME, which has no header of its own. */
export function encodeExportNameReply(lengthBytes: number, flags: number, { noZeroes }: ClientFlags): Buffer {
  return new ByteWriter(134).u64(lengthBytes).u16(flags).put(Buffer.alloc(noZeroes ? 0 : 124)).finish();
}

function readText(reader: ByteReader): string {
  const lengthBytes = reader.u32();
  if (lengthBytes > nbdLimits.nameBytes) {
    throw new Fault('NBD_LIMIT_EXCEEDED', { subject: 'name', expected: `at most ${nbdLimits.nameBytes} bytes`, found: String(lengthBytes) });
  }
  return decodeName(reader.take(lengthBytes));
}

function refuseRest(reader: ByteReader): void {
  if (reader.remainingBytes > 0) throw new Fault('NBD_MESSAGE_BAD', { subject: 'option data', expected: 'its end', found: `${reader.remainingBytes} more bytes` });
}
