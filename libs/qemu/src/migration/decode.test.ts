import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { Fault, type FaultCode } from '@godwit/base';
import fc from 'fast-check';
import { MigrationDecoder } from './decode.ts';
import { maxBlockBytes, pageBytes, type RamBlock } from './format.ts';
import { decode, StreamWriter, type Transcript } from './test-stream.ts';

const ram: RamBlock = { id: 'pc.ram', usedLengthBytes: 256 * pageBytes };
const rom: RamBlock = { id: '/rom@etc/acpi/tables', usedLengthBytes: 3 * pageBytes };
const filledPage = (fill: number): Buffer => Buffer.alloc(pageBytes, fill);

function small(): StreamWriter {
  return new StreamWriter().head().start([ram, rom]);
}

function faultOf(work: () => unknown): FaultCode {
  try {
    work();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return assert.fail('no fault');
}

describe('a migration stream', () => {
  test('is read to the same events whole, in pieces and byte by byte', () => {
    const stream = small()
      .part().page(0, filledPage(1), 'pc.ram').page(1, filledPage(2)).filled(2, 0).filled(3, 7).close()
      .part().filled(0, 0, rom.id).page(1, filledPage(9)).close()
      .raw('08 000b 0000')
      .end().page(1, filledPage(3), 'pc.ram').close()
      .device().eof('{"devices": []}').finish();
    const whole = decode(stream);
    assert.deepEqual(whole.events, ['configuration', 'blocks', 'pages 0: 0 1 3', 'zeros 0: 2', 'pages 1: 1', 'zeros 1: 0', 'pages 0: 1', 'ram end', 'device', 'end']);
    assert.deepEqual(whole.machineType, ['pc-q35-7.2']);
    assert.equal(whole.configuration[0]!.toString('hex'), '070000000a' + Buffer.from('pc-q35-7.2').toString('hex'));
    assert.deepEqual(whole.blocks, [ram, rom]);
    assert.deepEqual(whole.memory.get('0/3'), filledPage(7));
    assert.deepEqual(whole.memory.get('0/1'), filledPage(3));
    assert.deepEqual(whole.blob[0], new StreamWriter().device().finish());
    assert.deepEqual(decode(stream, 'bytes'), whole);
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 8191 }), { minLength: 1, maxLength: 20 }), (lengths) => assert.deepEqual(decode(stream, lengths), whole)));
  });

  test('gives the last state of a page, whatever kinds of records say it', () => {
    const stream = small()
      .part().page(5, filledPage(1), 'pc.ram').filled(5, 0).page(5, filledPage(2)).page(6, filledPage(1)).filled(7, 0).filled(6, 0).page(7, filledPage(4)).close()
      .end().close().device().eof().finish();
    const { events, memory } = decode(stream);
    assert.deepEqual(events.slice(2, -3), ['pages 0: 5', 'zeros 0: 5', 'pages 0: 5 6', 'zeros 0: 7', 'pages 0: 7', 'zeros 0: 6']);
    assert.deepEqual([...memory.entries()].map(([key, bytes]) => [key, bytes[0]]), [['0/5', 2], ['0/6', undefined], ['0/7', 4]]);
  });

  test('fills batches up to their size and no further', () => {
    const writer = small().part().page(0, filledPage(1), 'pc.ram');
    for (let page = 1; page < 200; page += 1) writer.page(page, filledPage(page & 0xff));
    const stream = writer.close().end().close().device().eof().finish();
    assert.deepEqual(decode(stream).batchPages, [64, 64, 64, 8]);
    assert.deepEqual(decode(stream, 'whole', { batchPages: 1 }).batchPages, new Array(200).fill(1));
    assert.equal(faultOf(() => new MigrationDecoder(sink, { batchPages: 0 })), 'VALUE_OUT_OF_RANGE');
  });

  test('of any number of sections is handed out in the same memory', () => {
    const writer = small();
    for (let page = 0; page < 200; page += 1) writer.part().page(page, filledPage(1), 'pc.ram').close().part().filled(200, 0).close();
    const stream = writer.end().close().device().eof().finish();
    assert.equal(decode(stream).memories, 1);
  });

  test('of a background snapshot has no end of RAM', () => {
    const stream = small().part().page(0, filledPage(1), 'pc.ram').close().device().eof('{}').finish();
    assert.deepEqual(decode(stream).events, ['configuration', 'blocks', 'pages 0: 0', 'device', 'end']);
  });

  test('keeps known configuration subsections verbatim', () => {
    const subsections = new StreamWriter()
      .raw('05').name('configuration/capabilities').u32(1).u32(2).name('x-ignore-shared').name('mapped-ram')
      .raw('05').name('configuration/target-page-bits').u32(1).u32(12)
      .raw('05').name('configuration/uuid').u32(1).bytes(Buffer.alloc(16, 3)).finish();
    const stream = new StreamWriter().head().bytes(subsections).start([ram]).end().close().device().eof().finish();
    const expected = Buffer.concat([Buffer.from('070000000a', 'hex'), Buffer.from('pc-q35-7.2'), subsections]);
    for (const way of ['whole', 'bytes', [3, 5, 7]] as const) assert.deepEqual(decode(stream, way).configuration, [expected]);
  });
});

describe('a recorded stream of QEMU 7.2 (contents of pages replaced by block and page number)', () => {
  const expected = [['pc.ram', 512], ['/rom@etc/acpi/tables', 32], ['pc.bios', 64], ['pc.rom', 32], ['/rom@etc/table-loader', 1], ['/rom@etc/acpi/rsdp', 1]] as const;

  for (const [name, blobBytes, ramEnds] of [['precopy', 76006 - 43520 - 6, 1], ['background', 76159 - 43642 - 6, 0]] as const) {
    const stream = zstdDecompressSync(readFileSync(new URL(`../../src/migration/fixtures/q35-2m-${name}.zst`, import.meta.url)));

    test(name, () => {
      const whole = decode(stream);
      assert.deepEqual(whole.machineType, ['pc-q35-7.2']);
      assert.deepEqual(whole.blocks, expected.map(([id, pages]) => ({ id, usedLengthBytes: pages * pageBytes })));
      assert.equal(whole.memory.size, expected.reduce((sum, [, pages]) => sum + pages, 0));
      for (const [key, bytes] of whole.memory) {
        if (bytes.length > 0) assert.equal(`${bytes.readUInt32BE(0)}/${bytes.readUInt32BE(4)}`, key);
      }
      assert.equal(whole.blob[0]!.length, blobBytes);
      assert.equal(whole.events.filter((event) => event === 'ram end').length, ramEnds);
      assert.deepEqual(decode(stream, 'bytes'), whole);
      assert.deepEqual(decode(stream, [4096, 1, 65536]), whole);
    });

    test(`${name}, cut anywhere, is never taken for whole`, () => {
      const cuts = fc.oneof(fc.integer({ min: 0, max: stream.length - 1 }), fc.integer({ min: stream.length - 76_000, max: stream.length - 1 }));
      fc.assert(fc.property(cuts, (length) => {
        // A stream whose description was suppressed ends where this one's description begins.
        const eof = stream.lastIndexOf('\0\u0006') + 1;
        if (length !== eof) assert.ok(['MIGRATION_TRUNCATED', 'MIGRATION_CORRUPT'].includes(faultOf(() => decode(stream.subarray(0, length)))));
      }), { numRuns: 400 });
    });
  }
});

describe('a hostile or foreign stream', () => {
  const cases: readonly [string, FaultCode, Buffer][] = [
    ['another magic', 'MIGRATION_CORRUPT', Buffer.from('QEVX\0\0\0\x03')],
    ['another version', 'MIGRATION_UNSUPPORTED', Buffer.from('QEVM\0\0\0\x02')],
    ['no configuration', 'MIGRATION_UNSUPPORTED', Buffer.from('QEVM\0\0\0\x03\x01')],
    ['a machine type of 4 GiB', 'MIGRATION_OVERSIZED', new StreamWriter().raw('5145564d 00000003 07 ffffffff').finish()],
    ['a machine type with a control byte', 'MIGRATION_CORRUPT', new StreamWriter().head('pc\u001b[2J').finish()],
    ['an unknown subsection', 'MIGRATION_UNSUPPORTED', new StreamWriter().head().raw('05').name('configuration/other').u32(1).finish()],
    ['other page sizes', 'MIGRATION_UNSUPPORTED', new StreamWriter().head().raw('05').name('configuration/target-page-bits').u32(1).u32(14).finish()],
    ['2^32 capabilities', 'MIGRATION_OVERSIZED', new StreamWriter().head().raw('05').name('configuration/capabilities').u32(1).u32(0xffffffff).finish()],
    ['endless subsections', 'MIGRATION_OVERSIZED', endlessSubsections()],
    ['an unknown section type', 'MIGRATION_CORRUPT', new StreamWriter().head().raw('77').finish()],
    ['another iterated device', 'MIGRATION_UNSUPPORTED', new StreamWriter().head().start([ram], 'dirty-bitmap').finish()],
    ['another version of RAM', 'MIGRATION_UNSUPPORTED', new StreamWriter().head().start([ram], 'ram', 5).finish()],
    ['a device before RAM', 'MIGRATION_UNSUPPORTED', new StreamWriter().head().device().finish()],
    ['RAM begun twice', 'MIGRATION_CORRUPT', small().start([ram]).finish()],
    ['a part before the start', 'MIGRATION_CORRUPT', new StreamWriter().head().part().finish()],
    ['a part of another section', 'MIGRATION_CORRUPT', small().raw('02 00000007').finish()],
    ['a part after the end', 'MIGRATION_CORRUPT', small().end().close().part().finish()],
    ['no devices after RAM', 'MIGRATION_CORRUPT', small().end().close().eof().finish()],
    ['a command that wants an answer', 'MIGRATION_UNSUPPORTED', small().raw('08 0002 0004').finish()],
    ['multifd', 'MIGRATION_UNSUPPORTED', small().part().u64(0x200).finish()],
    ['xbzrle', 'MIGRATION_UNSUPPORTED', small().part().u64(0x40).finish()],
    ['page and zero at once', 'MIGRATION_UNSUPPORTED', small().part().u64(0x0a).finish()],
    ['the same block as none', 'MIGRATION_CORRUPT', small().part().page(0, filledPage(0)).finish()],
    ['an unknown block', 'MIGRATION_CORRUPT', small().part().page(0, filledPage(0), 'other').finish()],
    ['a page behind the block', 'MIGRATION_CORRUPT', small().part().page(256, filledPage(0), 'pc.ram').finish()],
    ['a page at 2^63', 'MIGRATION_CORRUPT', small().part().page(2 ** 51, filledPage(0), 'pc.ram').finish()],
    ['another footer', 'MIGRATION_CORRUPT', small().part().raw('0000000000000010 7e 00000008').finish()],
    ['no list of blocks', 'MIGRATION_UNSUPPORTED', new StreamWriter().head().raw('01').u32(2).name('ram').u32(0).u32(4).u64(0x10).finish()],
    ['a block of 2 TiB', 'MIGRATION_OVERSIZED', new StreamWriter().head().start([{ id: 'pc.ram', usedLengthBytes: 2 * maxBlockBytes }]).finish()],
    ['RAM of 2^63 bytes', 'MIGRATION_OVERSIZED', new StreamWriter().head().raw('01').u32(2).name('ram').u32(0).u32(4).u64(2n ** 63n + 4n).finish()],
    ['half a page of block', 'MIGRATION_CORRUPT', new StreamWriter().head().start([{ id: 'a', usedLengthBytes: 2048 }, { id: 'b', usedLengthBytes: 2048 }]).finish()],
    ['an empty block', 'MIGRATION_CORRUPT', new StreamWriter().head().start([{ id: 'a', usedLengthBytes: 0 }, ram]).finish()],
    ['a block without a name', 'MIGRATION_CORRUPT', new StreamWriter().head().start([{ id: '', usedLengthBytes: 4096 }]).finish()],
    ['two blocks of one name', 'MIGRATION_CORRUPT', new StreamWriter().head().start([ram, ram]).finish()],
    ['257 blocks', 'MIGRATION_OVERSIZED', new StreamWriter().head().start(Array.from({ length: 257 }, (_, index) => ({ id: `b${index}`, usedLengthBytes: 4096 }))).finish()],
    ['an end inside a page', 'MIGRATION_TRUNCATED', small().part().page(0, Buffer.alloc(100), 'pc.ram').finish()],
    ['devices without an end', 'MIGRATION_TRUNCATED', small().end().close().device().finish()],
    ['devices cut inside', 'MIGRATION_TRUNCATED', Buffer.concat([small().end().close().device().finish().subarray(0, -9), Buffer.alloc(1)])],
    ['a description of another length', 'MIGRATION_TRUNCATED', small().end().close().device().eof('{"a": 1}').raw('20').finish()],
    ['a description that is no JSON', 'MIGRATION_CORRUPT', small().end().close().device().eof('{"a": }').finish()],
    ['a description that is no object', 'MIGRATION_CORRUPT', small().end().close().device().eof('[1]').finish()],
    ['too much device state', 'MIGRATION_OVERSIZED', small().end().close().device(64 * 1024 * 1024).eof().finish()],
  ];
  for (const [name, code, stream] of cases) {
    test(`${name}: ${code}`, () => {
      assert.equal(faultOf(() => decode(stream)), code);
      if (stream.length < 100_000) assert.equal(faultOf(() => decode(stream, 'bytes')), code);
    });
  }

  test('a fault is final', () => {
    const decoder = new MigrationDecoder(sink);
    const first = faultOf(() => decoder.push(Buffer.from('nonsense')));
    assert.equal(faultOf(() => decoder.push(small().finish())), first);
    assert.equal(faultOf(() => decoder.end()), first);
  });

  test('what the sink throws is final, too', () => {
    const decoder = new MigrationDecoder({ ...sink, onBlocks: () => { throw new Fault('CANCELLED'); } });
    assert.equal(faultOf(() => decoder.push(small().finish())), 'CANCELLED');
    assert.equal(faultOf(() => decoder.push(Buffer.alloc(1))), 'CANCELLED');
  });

  test('random changes end in a fault or a result, the same in pieces', () => {
    const stream = small()
      .part().page(0, filledPage(1), 'pc.ram').page(1, filledPage(2)).filled(2, 0).close()
      .end().filled(0, 7, rom.id).close().device().eof('{"devices": []}').finish();
    const outcome = (work: () => Transcript): unknown => {
      try {
        return work();
      } catch (error) {
        if (error instanceof Fault) return error.code;
        throw error;
      }
    };
    const change = fc.record({ at: fc.integer({ min: 0, max: stream.length - 1 }), to: fc.integer({ min: 0, max: 255 }), cut: fc.boolean() });
    const near = fc.record({ at: fc.integer({ min: 0, max: 120 }), to: fc.integer({ min: 0, max: 255 }), cut: fc.boolean() });
    fc.assert(fc.property(fc.array(fc.oneof(change, near), { minLength: 1, maxLength: 4 }), fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1 }), (changes, lengths) => {
      let bad = Buffer.from(stream);
      for (const { at, to, cut } of changes) {
        if (cut) bad = Buffer.concat([bad.subarray(0, at), bad.subarray(at + 1 + (to & 15))]);
        else if (at < bad.length) bad[at] = to;
      }
      assert.deepEqual(outcome(() => decode(bad, lengths)), outcome(() => decode(bad)));
    }), { numRuns: 1500 });
  });

  test('random bytes end in a fault', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, headed) => {
      const stream = headed ? Buffer.concat([small().part().finish(), bytes]) : Buffer.from(bytes);
      assert.match(faultOf(() => decode(stream)), /^MIGRATION_/);
    }), { numRuns: 2000 });
  });
});

const nothing = (): void => undefined;
const sink = { onConfiguration: nothing, onBlocks: nothing, onPages: nothing, onZeroPages: nothing, onDevice: nothing, onEnd: nothing };

function endlessSubsections(): Buffer {
  const writer = new StreamWriter().head();
  for (let index = 0; index < 2000; index += 1) writer.raw('05').name('configuration/uuid').u32(1).bytes(Buffer.alloc(16));
  return writer.finish();
}
