import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ByteWriter, Fault, type FaultCode } from '@godwit/base';
import fc from 'fast-check';
import { ReturnPathDecoder } from './return-path.ts';
import { pieces } from './test-stream.ts';

function message(type: number, data: Uint8Array): Buffer {
  return Buffer.from(new ByteWriter(512).u16(type).u16(data.length).put(data).finish());
}

function request(startBytes: number | bigint, lengthBytes: number, block?: string): Buffer {
  const data = new ByteWriter(512).u64(startBytes).u32(lengthBytes);
  if (block !== undefined) data.u8(block.length).put(Buffer.from(block, 'latin1'));
  return message(block === undefined ? 4 : 3, data.finish());
}

const word = (value: number): Buffer => Buffer.from(new ByteWriter(4).u32(value).finish());

function read(stream: Buffer, way: 'whole' | 'bytes' | readonly number[] = 'whole'): unknown[] {
  const found: unknown[] = [];
  const decoder = new ReturnPathDecoder({
    onShut: (status) => found.push({ status }),
    onPong: (value) => found.push({ value }),
    onRequest: (wanted) => found.push(wanted),
  });
  for (const piece of pieces(stream, way)) decoder.push(piece);
  decoder.end();
  return found;
}

describe('the return path', () => {
  const longest = 'b'.repeat(255);
  const stream = Buffer.concat([message(2, word(1)), request(0, 4096, 'pc.ram'), request(2 ** 40 - 4096, 4096), request(8192, 8192, longest), message(1, word(0))]);
  const expected = [
    { value: 1 },
    { block: 'pc.ram', startBytes: 0, lengthBytes: 4096 },
    { block: 'pc.ram', startBytes: 2 ** 40 - 4096, lengthBytes: 4096 },
    { block: longest, startBytes: 8192, lengthBytes: 8192 },
    { status: 0 },
  ];

  test('is read whole, in pieces and byte by byte', () => {
    assert.deepEqual(read(stream), expected);
    assert.deepEqual(read(stream, 'bytes'), expected);
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (lengths) => assert.deepEqual(read(stream, lengths), expected)));
  });

  const cases: readonly [string, FaultCode, Buffer][] = [
    ['a message that is too long', 'MIGRATION_OVERSIZED', Buffer.from('0003ffff', 'hex')],
    ['a received bitmap', 'MIGRATION_UNSUPPORTED', message(5, Buffer.from('\x06pc.ram'))],
    ['message 0', 'MIGRATION_UNSUPPORTED', message(0, Buffer.alloc(0))],
    ['a shut without a status', 'MIGRATION_CORRUPT', message(1, Buffer.alloc(0))],
    ['a pong of 8 bytes', 'MIGRATION_CORRUPT', message(2, Buffer.alloc(8))],
    ['a first request without a block', 'MIGRATION_CORRUPT', request(0, 4096)],
    ['a request with an empty name', 'MIGRATION_CORRUPT', request(0, 4096, '')],
    ['a request with a name that is cut', 'MIGRATION_CORRUPT', message(3, Buffer.from('0000000000000000000010000670632e', 'hex'))],
    ['no page', 'MIGRATION_CORRUPT', request(0, 0, 'a')],
    ['half a page', 'MIGRATION_CORRUPT', request(2048, 4096, 'a')],
    ['pages behind 1 TiB', 'MIGRATION_CORRUPT', request(2 ** 40, 4096, 'a')],
    ['a start of 2^64 - 4096', 'MIGRATION_CORRUPT', request(2n ** 64n - 4096n, 4096, 'a')],
    ['half a message', 'MIGRATION_TRUNCATED', request(0, 4096, 'a').subarray(0, -1)],
  ];
  for (const [name, code, bytes] of cases) {
    test(`${name}: ${code}`, () => {
      for (const way of ['whole', 'bytes'] as const) assert.throws(() => read(bytes, way), (error) => error instanceof Fault && error.code === code);
    });
  }

  test('random bytes end in a fault or a result, and a fault is final', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const decoder = new ReturnPathDecoder({ onShut: () => undefined, onPong: () => undefined, onRequest: () => undefined });
      try {
        decoder.push(bytes);
      } catch (first) {
        assert.ok(first instanceof Fault);
        assert.throws(() => decoder.push(message(2, word(1))), (error) => error === first);
      }
    }), { numRuns: 2000 });
  });
});
