import { ByteReader, ByteWriter } from '@godwit/base';
import { magic } from './protocol.ts';

// The client's half of the codec, for tests only: QEMU brings its own.

export interface OptionAnswer {
  readonly option: number;
  readonly reply: number;
  readonly data: Buffer;
}

export interface Reply {
  readonly cookie: bigint;
  readonly error: number;
  /** Structured replies only. */
  readonly type?: number;
  readonly done: boolean;
  readonly data: Buffer;
}

export function clientFlags(flags = 3): Buffer {
  return new ByteWriter().u32(flags).finish();
}

export function encodeOption(code: number, data: Uint8Array = Buffer.alloc(0)): Buffer {
  return new ByteWriter(16 + data.length).u64(magic.option).u32(code).u32(data.length).put(data).finish();
}

export function text(value: string): Buffer {
  return new ByteWriter(4 + Buffer.byteLength(value)).u32(Buffer.byteLength(value)).put(Buffer.from(value)).finish();
}

export function exportChoice(name: string, ...requests: number[]): Buffer {
  const writer = new ByteWriter(8192).put(text(name)).u16(requests.length);
  for (const request of requests) writer.u16(request);
  return writer.finish();
}

export function contextChoice(name: string, ...queries: string[]): Buffer {
  const writer = new ByteWriter(8192).put(text(name)).u32(queries.length);
  for (const query of queries) writer.put(text(query));
  return writer.finish();
}

export function encodeRequest(request: { command: number; flags?: number; cookie?: bigint; offset?: number | bigint; lengthBytes?: number; payload?: Uint8Array }): Buffer {
  const payload = request.payload ?? Buffer.alloc(0);
  return new ByteWriter(28 + payload.length)
    .u32(magic.request)
    .u16(request.flags ?? 0)
    .u16(request.command)
    .u64(request.cookie ?? 1n)
    .u64(request.offset ?? 0)
    .u32(request.lengthBytes ?? payload.length)
    .put(payload)
    .finish();
}

/** The answers to options in `bytes`, which hold nothing else. */
export function decodeOptionAnswers(bytes: Buffer): OptionAnswer[] {
  const reader = new ByteReader(bytes);
  const answers: OptionAnswer[] = [];
  while (reader.remainingBytes > 0) {
    if (reader.u64() !== magic.optionReply) throw new Error('no option reply');
    answers.push({ option: reader.u32(), reply: reader.u32(), data: reader.take(reader.u32()) });
  }
  return answers;
}

/** The replies in `bytes`, which hold nothing else. `dataBytes`: what a simple reply without an error brings. */
export function decodeReplies(bytes: Buffer, dataBytes = 0): Reply[] {
  const reader = new ByteReader(bytes);
  const replies: Reply[] = [];
  while (reader.remainingBytes > 0) {
    const found = reader.u32();
    if (found === magic.simpleReply) {
      const error = reader.u32();
      replies.push({ error, cookie: reader.u64(), done: true, data: reader.take(error === 0 ? dataBytes : 0) });
    } else if (found === magic.structuredReply) {
      const done = reader.u16() === 1;
      const type = reader.u16();
      const cookie = reader.u64();
      const data = reader.take(reader.u32());
      replies.push({ cookie, done, type, data, error: type >= 0x8000 ? data.readUInt32BE() : 0 });
    } else throw new Error(`no reply: ${found.toString(16)}`);
  }
  return replies;
}
