import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from './bytes.ts';

type Field = { kind: 'u8' | 'u16' | 'u32'; value: number } | { kind: 'u64'; value: bigint } | { kind: 'bytes'; value: Uint8Array };

const field: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.nat({ max: 0xff }) }),
  fc.record({ kind: fc.constant('u16' as const), value: fc.nat({ max: 0xffff }) }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.nat({ max: 0xffff_ffff }) }),
  fc.record({ kind: fc.constant('u64' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 40 }) }),
);

function write(writer: ByteWriter, { kind, value }: Field): void {
  if (kind === 'bytes') writer.put(value);
  else if (kind === 'u64') writer.u64(value);
  else writer[kind](value);
}

function read(reader: ByteReader, { kind, value }: Field): Field {
  if (kind === 'bytes') return { kind, value: Uint8Array.from(reader.take(value.length)) };
  if (kind === 'u64') return { kind, value: reader.u64() };
  return { kind, value: reader[kind]() };
}

/** The same bytes by plain arithmetic. */
function expectedBytes({ kind, value }: Field): number[] {
  if (kind === 'bytes') return [...value];
  const lengthBytes = { u8: 1, u16: 2, u32: 4, u64: 8 }[kind];
  return Array.from({ length: lengthBytes }, (_, index) => Number((BigInt(value) >> BigInt(8 * (lengthBytes - 1 - index))) & 0xffn));
}

describe('ByteWriter', () => {
  const writes: Record<string, (writer: ByteWriter) => ByteWriter> = {
    u8: (writer) => writer.u8(0x81),
    u16: (writer) => writer.u16(0x8182),
    u32: (writer) => writer.u32(0x81828384),
    u64: (writer) => writer.u64(0x8182838485868788n),
    put: (writer) => writer.put(Buffer.from('8182838485', 'hex')),
  };
  for (const [name, writeOne] of Object.entries(writes)) {
    test(`${name} keeps what was written when the buffer grows, from every small capacity`, () => {
      const once = writeOne(new ByteWriter()).finish().toString('hex');
      assert.equal(once, '8182838485868788'.slice(0, once.length));
      for (let capacityBytes = 0; capacityBytes <= 17; capacityBytes++) {
        const writer = new ByteWriter(capacityBytes);
        for (let count = 1; count <= 20; count++) {
          assert.equal(writeOne(writer), writer);
          assert.equal(writer.finish().toString('hex'), once.repeat(count), `capacity ${capacityBytes}`);
        }
      }
    });
  }

  test('writes big-endian, whatever it starts with, and the reader gives it back', () => {
    fc.assert(fc.property(fc.array(field), fc.nat({ max: 20 }), (fields, capacityBytes) => {
      const writer = new ByteWriter(capacityBytes);
      for (const each of fields) write(writer, each);
      const bytes = writer.finish();
      assert.deepEqual([...bytes], fields.flatMap(expectedBytes));
      assert.equal(writer.lengthBytes, bytes.length);
      const reader = new ByteReader(bytes);
      for (const each of fields) assert.deepEqual(read(reader, each), { ...each });
      assert.equal(reader.remainingBytes, 0);
    }));
  });

  test('a value that does not fit throws and leaves no trace', () => {
    for (const bad of [
      (writer: ByteWriter) => writer.u8(256), (writer: ByteWriter) => writer.u8(-1), (writer: ByteWriter) => writer.u16(0x1_0000),
      (writer: ByteWriter) => writer.u32(0x1_0000_0000), (writer: ByteWriter) => writer.u64(-1), (writer: ByteWriter) => writer.u64(2n ** 64n),
      (writer: ByteWriter) => writer.u64(0.5),
    ]) {
      const writer = new ByteWriter(1).u8(7);
      assert.throws(() => bad(writer), RangeError);
      assert.equal(writer.u8(8).finish().toString('hex'), '0708');
    }
  });

  test('takes its own bytes', () => {
    const writer = new ByteWriter(3).put(Buffer.from('abc'));
    assert.equal(writer.put(writer.finish()).put(writer.finish()).finish().toString(), 'abcabcabcabc');
  });
});

describe('ByteReader', () => {
  const reads: Record<string, [number, (reader: ByteReader) => unknown]> = {
    u8: [1, (reader) => reader.u8()],
    u16: [2, (reader) => reader.u16()],
    u32: [4, (reader) => reader.u32()],
    u64: [8, (reader) => reader.u64()],
    u53: [8, (reader) => reader.u53()],
    take: [5, (reader) => reader.take(5)],
  };
  for (const [name, [lengthBytes, readOne]] of Object.entries(reads)) {
    test(`${name} ends at the end, with the fault of its codec, and stays where it was`, () => {
      for (let shortBytes = 0; shortBytes < lengthBytes; shortBytes++) {
        const reader = new ByteReader(Buffer.alloc(3 + shortBytes), 'CONTRACT_INVALID');
        reader.take(3);
        assert.throws(() => readOne(reader), { code: 'CONTRACT_INVALID', expected: `${lengthBytes} more bytes at 3`, found: `${shortBytes}` });
        assert.equal(reader.offset, 3);
      }
      const whole = new ByteReader(Buffer.alloc(lengthBytes));
      readOne(whole);
      assert.equal(whole.remainingBytes, 0);
      assert.throws(() => readOne(whole), { code: 'BYTES_TRUNCATED' });
    });
  }

  test('reads inside the view it was given, not the buffer behind it', () => {
    const behind = Uint8Array.from({ length: 16 }, (_, index) => index);
    const reader = new ByteReader(behind.subarray(4, 8));
    assert.equal(reader.u32(), 0x04050607);
    assert.throws(() => reader.u8(), { code: 'BYTES_TRUNCATED' });
  });

  test('takes views, not copies, and nothing at the end', () => {
    const bytes = Buffer.from('abcdef');
    const reader = new ByteReader(bytes);
    const view = reader.take(3);
    bytes[0] = 0x7a;
    assert.equal(view.toString(), 'zbc');
    reader.take(3);
    assert.equal(reader.take(0).length, 0);
  });

  for (const lengthBytes of [-1, -3, -Infinity, Infinity, Number.NaN, Number.MAX_SAFE_INTEGER]) {
    test(`a length of ${lengthBytes} neither moves backwards nor past the end`, () => {
      const reader = new ByteReader(Buffer.alloc(8));
      reader.u32();
      assert.throws(() => reader.take(lengthBytes), { code: 'BYTES_TRUNCATED' });
      assert.equal(reader.offset, 4);
    });
  }

  test('u53 takes every exact integer and refuses the first that is not', () => {
    const largest = BigInt(Number.MAX_SAFE_INTEGER);
    const of = (value: bigint): ByteReader => new ByteReader(new ByteWriter().u64(value).finish(), 'CONTRACT_INVALID');
    assert.equal(of(0n).u53(), 0);
    assert.equal(of(largest).u53(), Number.MAX_SAFE_INTEGER);
    assert.throws(() => of(largest + 1n).u53(), { code: 'CONTRACT_INVALID' });
    assert.throws(() => of(2n ** 64n - 1n).u53(), { code: 'CONTRACT_INVALID' });
  });

  test('any bytes, read in any way, end in values or in the fault', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(fc.constantFrom(...Object.values(reads))), (bytes, sequence) => {
      const reader = new ByteReader(bytes, 'CONTRACT_INVALID');
      let before = 0;
      try {
        for (const [lengthBytes, readOne] of sequence) {
          readOne(reader);
          assert.equal(reader.offset, before + lengthBytes);
          before = reader.offset;
        }
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'CONTRACT_INVALID');
      }
      assert.ok(reader.offset <= bytes.length);
    }));
  });
});
