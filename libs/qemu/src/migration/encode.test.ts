import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Fault } from '@godwit/base';
import fc from 'fast-check';
import { eagerClosing, eagerOpening, postcopyClosing, postcopyOpening, postcopySwitch, ramPages, ramZeroPages } from './encode.ts';
import { pageBytes, type PageBatch, type RamBlock, type ZeroBatch } from './format.ts';
import { decode, StreamWriter } from './test-stream.ts';

const configuration = Buffer.concat([Buffer.from('070000000a', 'hex'), Buffer.from('pc-q35-7.2')]);
const deviceBlob = new StreamWriter().device().finish();
const blocks: RamBlock[] = [{ id: 'pc.ram', usedLengthBytes: 2 ** 40 }, { id: '/rom@etc/acpi/tables', usedLengthBytes: 32 * pageBytes }];
const outOfRange = (error: unknown): boolean => error instanceof Fault && error.code === 'VALUE_OUT_OF_RANGE';

function dataBatch(blockIndex: number, pages: readonly number[], fill: number): PageBatch {
  return { blockIndex, count: pages.length, pages: Uint32Array.from(pages), bytes: Buffer.alloc(pages.length * pageBytes, fill) };
}

function zeroBatch(blockIndex: number, pages: readonly number[]): ZeroBatch {
  return { blockIndex, count: pages.length, pages: Uint32Array.from(pages) };
}

describe('the eager way', () => {
  const anyBatch = fc.record({ small: fc.boolean(), zero: fc.boolean(), fill: fc.integer({ min: 0, max: 255 }), pages: fc.uniqueArray(fc.nat(2 ** 28 - 1), { maxLength: 12 }) });

  test('decodes to what was encoded, in pieces of any size', () => {
    fc.assert(fc.property(fc.array(anyBatch, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 8191 }), { minLength: 1 }), (batches, lengths) => {
      const expected = new Map<string, Buffer>();
      const parts = eagerOpening({ configuration, blocks });
      for (const { small, zero, fill, pages: wide } of batches) {
        const blockIndex = small ? 1 : 0;
        const pages = small ? [...new Set(wide.map((page) => page % 32))] : wide;
        const { id } = blocks[blockIndex]!;
        parts.push(...(zero ? ramZeroPages(id, zeroBatch(blockIndex, pages)) : ramPages(id, dataBatch(blockIndex, pages, fill))));
        for (const page of pages) expected.set(`${blockIndex}/${page}`, zero ? Buffer.alloc(0) : Buffer.alloc(pageBytes, fill));
      }
      parts.push(...eagerClosing(deviceBlob));
      const found = decode(Buffer.concat(parts), lengths);
      assert.deepEqual(found.blocks, blocks);
      assert.deepEqual(found.configuration, [configuration]);
      assert.deepEqual(found.blob, [deviceBlob]);
      assert.deepEqual(found.memory, expected);
    }), { numRuns: 200 });
  });

  test('does not copy page contents', () => {
    const batch = dataBatch(0, [1, 2, 3], 9);
    const views = ramPages('pc.ram', batch).filter((buffer) => buffer.buffer === batch.bytes.buffer && buffer.length === pageBytes);
    assert.equal(views.length, 3);
  });

  test('writes nothing for an empty batch', () => {
    assert.deepEqual(ramPages('pc.ram', dataBatch(0, [], 0)), []);
    assert.deepEqual(ramZeroPages('pc.ram', zeroBatch(0, [])), []);
  });

  test('has room for the longest block list', () => {
    const many = Array.from({ length: 256 }, (_, index) => ({ id: `${index}`.padStart(255, 'x'), usedLengthBytes: pageBytes }));
    assert.deepEqual(decode(Buffer.concat([...eagerOpening({ configuration, blocks: many }), ...eagerClosing(deviceBlob)])).blocks, many);
    assert.ok(postcopyOpening({ configuration, blocks: many })[0]!.length > 256 * 255 * 2);
  });

  test('refuses what no decoder would take', () => {
    assert.throws(() => eagerOpening({ configuration, blocks: [] }), outOfRange);
    assert.throws(() => eagerOpening({ configuration, blocks: [{ id: 'x', usedLengthBytes: 100 }] }), outOfRange);
    assert.throws(() => eagerOpening({ configuration, blocks: [{ id: '', usedLengthBytes: 4096 }] }), outOfRange);
    assert.throws(() => eagerOpening({ configuration: Buffer.from('pc'), blocks }), outOfRange);
    assert.throws(() => eagerClosing(Buffer.from('x')), outOfRange);
    assert.throws(() => ramPages('pc.ram', { ...dataBatch(0, [1, 2], 0), count: 1 }), outOfRange);
    assert.throws(() => ramPages('x'.repeat(256), dataBatch(0, [1], 0)), outOfRange);
  });
});

test('the post-copy way is, byte for byte, what QEMU expects', () => {
  const two: RamBlock[] = [{ id: 'pc.ram', usedLengthBytes: 2 * pageBytes }, { id: 'rom', usedLengthBytes: pageBytes }];
  const id = '7fffffff';
  const opening = [
    '5145564d 00000003', configuration.toString('hex'),
    '08 0001 0000', // return path
    '08 0002 0004 00000001', // ping
    '08 0003 0010 0000000000001000 0000000000001000', // advise
    '01', id, '03 72616d 00000000 00000004', '0000000000003004', '06 70632e72616d 0000000000002000', '03 726f6d 0000000000001000', '0000000000000010 7e', id,
    '08 0006 0019 00 06 70632e72616d 00 0000000000000000 0000000000002000', // discard
    '08 0006 0016 00 03 726f6d 00 0000000000000000 0000000000001000',
    '08 0002 0004 00000002',
  ];
  assert.equal(hex(postcopyOpening({ configuration, blocks: two })), opening.join('').replaceAll(' ', ''));
  const zeros = ['02', id, '0000000000000002 06 70632e72616d 00', '0000000000001022 00', '0000000000000010 7e', id];
  assert.equal(hex(ramZeroPages('pc.ram', zeroBatch(0, [0, 1]))), zeros.join('').replaceAll(' ', ''));
  const packageBytes = (5 + deviceBlob.length + 9 + 5).toString(16).padStart(8, '0');
  const switching = ['08 0007 0004', packageBytes, '08 0004 0000', deviceBlob.toString('hex'), '08 0002 0004 00000003', '08 0005 0000'];
  assert.equal(hex(postcopySwitch(deviceBlob)), switching.join('').replaceAll(' ', ''));
  assert.equal(hex(postcopyClosing()), `03${id}00000000000000107e${id}00`);
});

function hex(buffers: readonly Buffer[]): string {
  return Buffer.concat(buffers).toString('hex');
}
