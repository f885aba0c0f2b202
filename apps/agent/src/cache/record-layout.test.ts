import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { blockBytes, decodeHeader, encodeHeader, headerBytesMax, headerBytesOf, isIntact } from './record-layout.ts';

const name = 'd-1.p-1';
const anyBytes = fc.integer({ min: 1, max: 3 * blockBytes + 7 }).map((lengthBytes) => Buffer.from(Array.from({ length: lengthBytes }, (_, at) => (at * 31 + lengthBytes) % 251)));

describe('a record of the warm cache', () => {
  test('says where each of its blocks lies, in the object and in the file', () => {
    fc.assert(
      fc.property(anyBytes, fc.nat({ max: 8_000_000 }), fc.nat({ max: 1 << 24 }), (bytes, offsetBytes, atBytes) => {
        const header = encodeHeader(name, offsetBytes, bytes);
        assert.equal(header.length, headerBytesOf(bytes.length));
        assert.ok(header.length <= headerBytesMax);
        const record = decodeHeader(name, Buffer.concat([header, bytes]), atBytes)!;
        assert.equal(record.recordBytes, header.length + bytes.length);
        let at = 0;
        for (const block of record.blocks) {
          assert.deepEqual([block.offsetBytes, block.atBytes], [offsetBytes + at, atBytes + header.length + at]);
          assert.ok(isIntact(block, bytes.subarray(at, at + block.lengthBytes)));
          at += block.lengthBytes;
        }
        assert.equal(at, bytes.length);
      }),
      { numRuns: 50 },
    );
  });

  test('is none under another name, cut short, with any byte of its header changed, or beyond the largest object', () => {
    const bytes = Buffer.alloc(blockBytes + 1, 7);
    const header = encodeHeader(name, 5, bytes);
    assert.notEqual(decodeHeader(name, header, 0), undefined);
    assert.equal(decodeHeader('d-1.p-2', header, 0), undefined);
    for (let length = 0; length < header.length; length++) assert.equal(decodeHeader(name, header.subarray(0, length), 0), undefined);
    for (let at = 0; at < header.length; at++) {
      const changed = Buffer.from(header);
      changed[at]! ^= 0x10;
      assert.equal(decodeHeader(name, changed, 0), undefined, `byte ${at}`);
    }
    assert.equal(decodeHeader(name, encodeHeader(name, 8 * 2 ** 20, Buffer.alloc(1)), 0), undefined);
    assert.equal(decodeHeader(name, Buffer.alloc(headerBytesMax), 0), undefined);
  });

  test('knows a block that is not what was written', () => {
    const bytes = Buffer.alloc(100, 7);
    const [block] = decodeHeader(name, encodeHeader(name, 0, bytes), 0)!.blocks;
    assert.ok(isIntact(block!, bytes));
    assert.ok(!isIntact(block!, bytes.subarray(1)));
    assert.ok(!isIntact(block!, Buffer.alloc(100)));
  });
});
