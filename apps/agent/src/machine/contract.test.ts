import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { contractBytesMax, contractSchema, decodeContract, encodeContract, newContract, spareDiskBytes, type MachineContract, type NewMachine } from './contract.ts';

const invalid = { code: 'CONTRACT_INVALID' };
const wish: NewMachine = {
  cpus: 2,
  memoryBytes: 512 * 2 ** 20,
  diskBytes: 4 * 2 ** 30,
  accelerator: 'tcg',
  firmware: { file: 'bios-256k.bin', lengthBytes: 262_144, sha256: 'ab'.repeat(32) },
  qemuVersion: '7.2.22',
};
/** Counts up: what it gives is seen in the vector. */
function counting(): (lengthBytes: number) => Buffer {
  let next = 0;
  return (lengthBytes) => Buffer.from(Array.from({ length: lengthBytes }, () => next++));
}
const contract = newContract(wish, counting());
const encoded = encodeContract(contract);

const number = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const anyContract: fc.Arbitrary<MachineContract> = fc.record({
  machineType: fc.constantFrom('pc-q35-7.2', 'pc-q35-10.0'),
  cpuModel: fc.constantFrom('Nehalem-v1,la57=off', 'qemu64', `A${'.'.repeat(63)}${',x=on'.repeat(16)}`),
  accelerator: fc.constantFrom('kvm' as const, 'tcg' as const),
  cpus: number(1, 64),
  memoryMebibytes: number(64, 2 ** 20),
  disks: fc.array(fc.record({ lengthBytes: number(spareDiskBytes, 2 ** 44) }, { noNullPrototype: true }), { minLength: 4, maxLength: 4 }),
  mac: fc.uint8Array({ minLength: 3, maxLength: 3 }),
  generationId: fc.uuid(),
  machineId: fc.uuid(),
  firmwareBytes: number(1, 2 ** 26),
}).map(({ memoryMebibytes, mac, firmwareBytes, ...rest }) => ({
  version: 1 as const,
  ...rest,
  memoryBytes: memoryMebibytes * 2 ** 20,
  macAddress: `52:54:00${[...mac].map((byte) => `:${byte.toString(16).padStart(2, '0')}`).join('')}`,
  firmware: { ...contract.firmware, lengthBytes: firmwareBytes },
  qemu: { savedWith: '10.1.2', atLeast: '7.2' },
}));

describe('machine contract', () => {
  test('version 1 is spelled exactly so, for ever', () => {
    assert.equal(
      encoded.toString(),
      '{"version":1,"machineType":"pc-q35-7.2","cpuModel":"Nehalem-v1,la57=off","accelerator":"tcg","cpus":2,"memoryBytes":536870912,' +
        '"disks":[{"lengthBytes":4294967296},{"lengthBytes":1048576},{"lengthBytes":1048576},{"lengthBytes":1048576}],"macAddress":"52:54:00:00:01:02",' +
        '"generationId":"03040506-0708-490a-8b0c-0d0e0f101112","machineId":"13141516-1718-491a-9b1c-1d1e1f202122",' +
        `"firmware":{"file":"bios-256k.bin","lengthBytes":262144,"sha256":"${'ab'.repeat(32)}"},"qemu":{"savedWith":"7.2.22","atLeast":"7.2"}}`,
    );
    assert.deepEqual(decodeContract(encoded), contract);
  });

  test('every one comes back as it was, whatever the order of its keys in memory, and fits its bound', () => {
    fc.assert(fc.property(anyContract, (each) => {
      const bytes = encodeContract(each);
      assert.ok(bytes.length <= contractBytesMax);
      assert.deepEqual(decodeContract(bytes), each);
      assert.ok(encodeContract(Object.fromEntries(Object.entries(each).reverse()) as MachineContract).equals(bytes));
    }));
  });

  const text = encoded.toString();
  const spellings: Record<string, string> = {
    'white space': text.replace('"cpus":2', '"cpus": 2'),
    'a line at the end': `${text}\n`,
    'a byte order mark': `\ufeff${text}`,
    'another order of keys': text.replace('"version":1,', '').replace(/\}$/, ',"version":1}'),
    'a key twice': text.replace('"cpus":2', '"cpus":2,"cpus":2'),
    'another number': text.replace('"cpus":2', '"cpus":2.0'),
    'a number with an exponent': text.replace('"cpus":2', '"cpus":2e0'),
    'an escaped letter': text.replace('"tcg"', '"\\u0074cg"'),
    'an id in capitals': text.replace('490a-8b0c', '490A-8B0C'),
    'a MAC address in capitals': text.replace('00:01:02', '00:01:0A'),
    'a key nobody knows': text.replace('"cpus":2', '"cpus":2,"extra":1'),
    'a prototype': text.replace('"cpus":2', '"cpus":2,"__proto__":{"cpus":3}'),
    'a missing key': text.replace('"cpus":2,', ''),
    'a disk too few': text.replace('{"lengthBytes":1048576},', ''),
    'another version': text.replace('"version":1', '"version":2'),
    'an alias of a machine type': text.replace('pc-q35-7.2', 'q35'),
    'options inside the machine type': text.replace('pc-q35-7.2', 'pc-q35-7.2,accel=kvm'),
    'options inside the CPU model': text.replace('la57=off', 'la57=off,host-cache-info=on -monitor stdio'),
    'options inside the MAC address': text.replace('52:54:00:00:01:02', '52:54:00:00:01:02,romfile=/etc/passwd'),
    'a path as firmware': text.replace('bios-256k.bin', '../bios-256k.bin'),
    'memory that is no whole mebibytes': text.replace('536870912', '536870913'),
    'too much memory': text.replace('536870912', String(2 ** 41)),
    'an empty disk': text.replace('"lengthBytes":1048576', '"lengthBytes":0'),
    'nothing': '',
    'no object': '[]',
    'null': 'null',
  };
  for (const [name, spelling] of Object.entries(spellings)) {
    test(`${name} is refused`, () => {
      assert.notEqual(spelling, text);
      assert.throws(() => decodeContract(Buffer.from(spelling)), invalid);
    });
  }

  test('bytes that are not UTF-8 are refused', () => assert.throws(() => decodeContract(Buffer.from(text.replace('bios', 'b\u00efos'), 'latin1')), invalid));

  test('one over the bound is refused before it is parsed', () => {
    assert.throws(() => decodeContract(Buffer.alloc(contractBytesMax + 1, 0x20)), { ...invalid, found: `${contractBytesMax + 1}` });
  });

  test('any change of its bytes ends in CONTRACT_INVALID or in another contract that is spelled so', () => {
    const change = fc.record({ at: fc.nat({ max: encoded.length - 1 }), remove: fc.nat({ max: 4 }), insert: fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.constantFrom(...Array.from('0123456789abcdef{}[]",: ')).map((letter) => Buffer.from(letter))) });
    fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const bytes = changes.reduce<Buffer>((before, { at, remove, insert }) => Buffer.concat([before.subarray(0, at), insert, before.subarray(at + remove)]), encoded);
      try {
        assert.ok(encodeContract(decodeContract(bytes)).equals(bytes));
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'CONTRACT_INVALID');
      }
    }), { numRuns: 1000 });
  });
});

describe('a new contract', () => {
  test('takes its names from the randomness it is given', () => {
    const fixed = (lengthBytes: number): Buffer => Buffer.alloc(lengthBytes, 0xff);
    const { macAddress, generationId, machineId } = newContract(wish, fixed);
    assert.deepEqual([macAddress, generationId, machineId], ['52:54:00:ff:ff:ff', 'ffffffff-ffff-4fff-bfff-ffffffffffff', 'ffffffff-ffff-4fff-bfff-ffffffffffff']);
  });

  const wrong: [string, Partial<NewMachine>][] = [
    ['cpus', { cpus: 0 }], ['cpus', { cpus: 65 }], ['cpus', { cpus: 1.5 }], ['memoryBytes', { memoryBytes: 63 * 2 ** 20 }], ['memoryBytes', { memoryBytes: 2 ** 30 + 1 }],
    ['memoryBytes', { memoryBytes: 2 ** 41 }], ['disks.0.lengthBytes', { diskBytes: 0 }], ['disks.0.lengthBytes', { diskBytes: 2 ** 45 }], ['disks.0.lengthBytes', { diskBytes: Number.NaN }],
  ];
  for (const [subject, change] of wrong) {
    test(`${JSON.stringify(change)} is out of range, and says so of ${subject}`, () => assert.throws(() => newContract({ ...wish, ...change }, counting()), { code: 'VALUE_OUT_OF_RANGE', subject }));
  }

  test('is one that the schema takes', () => assert.deepEqual(contractSchema.parse(contract), contract));
});
