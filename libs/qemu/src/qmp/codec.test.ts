import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Fault } from '@godwit/base';
import fc from 'fast-check';
import { encodeCommand, maxLineBytes, QmpDecoder, type QmpMessage } from './codec.ts';

const isProtocolFault = (error: unknown): boolean => error instanceof Fault && error.code === 'QMP_PROTOCOL';
const stream = Buffer.from([
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}}\r\n',
  '{"return": {}, "id": 1}\r\n',
  '\r\n',
  '{"timestamp": {"seconds": 1700000000, "microseconds": 250000}, "event": "STOP"}\r\n',
  '{"timestamp": {"seconds": 1700000000, "microseconds": 500000}, "event": "MIGRATION", "data": {"status": "größer"}}\n',
  '{"id": 2, "error": {"class": "GenericError", "desc": "no"}}\n',
].join(''));
const expected: QmpMessage[] = [
  { kind: 'greeting', version: { qemu: { micro: 22, minor: 2, major: 7 }, package: 'Debian' } },
  { kind: 'result', id: 1, value: {} },
  { kind: 'event', name: 'STOP', data: {}, qemuTimeMs: 1700000000250 },
  { kind: 'event', name: 'MIGRATION', data: { status: 'größer' }, qemuTimeMs: 1700000000500 },
  { kind: 'error', id: 2, errorClass: 'GenericError', description: 'no' },
];

function read(bytes: Buffer, lengths: readonly number[]): QmpMessage[] {
  const decoder = new QmpDecoder();
  const messages: QmpMessage[] = [];
  for (let offset = 0, turn = 0; offset < bytes.length; turn += 1) {
    const lengthBytes = lengths[turn % lengths.length]!;
    messages.push(...decoder.push(bytes.subarray(offset, offset + lengthBytes)));
    offset += lengthBytes;
  }
  return messages;
}

describe('QMP messages', () => {
  test('are read whole, in pieces and byte by byte', () => {
    assert.deepEqual(read(stream, [stream.length]), expected);
    assert.deepEqual(read(stream, [1]), expected);
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (lengths) => assert.deepEqual(read(stream, lengths), expected)));
  });

  for (const text of ['nonsense', '[]', '3', 'null', '{}', '{"event": 3}', '{"event": "X"}', '{"event": "X", "timestamp": {"seconds": "1"}}', '{"error": "x"}']) {
    test(`${text} is refused, and nothing is read after it`, () => {
      const decoder = new QmpDecoder();
      assert.throws(() => decoder.push(Buffer.from(`${text}\n`)), isProtocolFault);
      assert.throws(() => decoder.push(Buffer.from('{"return": {}, "id": 1}\n')), isProtocolFault);
    });
  }

  test('have a longest line, however it arrives', () => {
    const piece = Buffer.alloc(64 * 1024, 0x20);
    const decoder = new QmpDecoder();
    for (let held = 0; held < maxLineBytes; held += piece.length) decoder.push(piece);
    assert.throws(() => decoder.push(Buffer.from(' ')), isProtocolFault);
  });

  test('random text ends in a fault or in messages', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1'))), (text) => {
      try {
        read(Buffer.from(`${text}\n`), [7]);
      } catch (error) {
        assert.ok(isProtocolFault(error));
      }
    }), { numRuns: 1000 });
  });

  test('a command is one line', () => {
    assert.equal(encodeCommand(7, 'stop').toString(), '{"execute":"stop","id":7}\n');
    assert.equal(encodeCommand(8, 'migrate', { uri: 'unix:/a\nb' }).toString(), '{"execute":"migrate","arguments":{"uri":"unix:/a\\nb"},"id":8}\n');
  });
});
