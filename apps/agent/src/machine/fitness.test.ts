import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { MachineContract } from './contract.ts';
import { assertFit, atLeast, lacks, type HostCapabilities, type Room } from './fitness.ts';

const mebibyte = 2 ** 20;
const firmware = { file: 'bios-256k.bin', lengthBytes: 262_144, sha256: 'ab'.repeat(32) };
const contract: MachineContract = {
  version: 1,
  machineType: 'pc-q35-7.2',
  cpuModel: 'Nehalem-v1,la57=off',
  accelerator: 'kvm',
  cpus: 2,
  memoryBytes: 512 * mebibyte,
  disks: [2 ** 30, mebibyte, mebibyte, mebibyte].map((lengthBytes) => ({ lengthBytes })),
  macAddress: '52:54:00:00:01:02',
  generationId: '03040506-0708-490a-8b0c-0d0e0f101112',
  machineId: '13141516-1718-491a-9b1c-1d1e1f202122',
  firmware,
  qemu: { savedWith: '7.2.22', atLeast: '7.2' },
};
const host: HostCapabilities = {
  program: '/usr/bin/qemu-system-x86_64',
  qemuVersion: '7.2.22',
  machineTypes: ['pc-q35-7.1', 'pc-q35-7.2'],
  cpuModels: new Map([['Nehalem-v1', []], ['EPYC-v4', ['avx2']]]),
  accelerator: 'kvm',
  kvmRefusal: undefined,
  postcopyRefusal: undefined,
  snapshotRefusal: undefined,
  firmware,
};
/** 256 MiB beside the guest's memory is what QEMU itself takes. */
const room: Room = { memoryAvailableBytes: 768 * mebibyte, diskAvailableBytes: 100 * mebibyte, diskNeededBytes: 100 * mebibyte };

interface Case { readonly contract?: Partial<MachineContract>; readonly host?: Partial<HostCapabilities>; readonly room?: Partial<Room> }
const lacksOf = (change: Case): ReturnType<typeof lacks> => lacks({ ...contract, ...change.contract }, { ...host, ...change.host }, { ...room, ...change.room });

describe('fitness', () => {
  test('a host that offers exactly what is asked for is fit', () => {
    assert.deepEqual(lacksOf({}), []);
    assertFit(contract, host, room);
  });

  const cases: [string, Case, { what: string; needed: string; offered: string }][] = [
    ['an older QEMU', { host: { qemuVersion: '7.1.9' } }, { what: 'QEMU version', needed: '7.2 or newer', offered: '7.1.9' }],
    ['a QEMU without the machine type', { host: { machineTypes: ['pc-q35-7.1', 'pc-q35-7.20', 'q35'] } }, { what: 'machine type', needed: 'pc-q35-7.2', offered: 'QEMU 7.2.22 without it' }],
    ['a QEMU without the CPU model', { host: { cpuModels: new Map([['Nehalem', []]]) } }, { what: 'CPU model', needed: 'Nehalem-v1', offered: 'a QEMU that does not know it' }],
    ['a CPU without its flags', { contract: { cpuModel: 'EPYC-v4' }, host: { cpuModels: new Map([['EPYC-v4', ['avx2', 'sha-ni']]]) } }, { what: 'CPU flags', needed: 'all of EPYC-v4', offered: 'a CPU without avx2, sha-ni' }],
    ['another accelerator', { host: { accelerator: 'tcg' } }, { what: 'accelerator', needed: 'kvm', offered: 'tcg' }],
    ['firmware of another size', { host: { firmware: { ...firmware, lengthBytes: 131_072 } } }, { what: 'firmware size', needed: '262144 bytes', offered: '131072 bytes of bios-256k.bin' }],
    ['a byte too little memory', { room: { memoryAvailableBytes: 768 * mebibyte - 1 } }, { what: 'memory', needed: '768 MiB', offered: '767 MiB available' }],
    ['too little memory', { room: { memoryAvailableBytes: 100 * mebibyte } }, { what: 'memory', needed: '768 MiB', offered: '100 MiB available' }],
    ['too little disk space', { room: { diskAvailableBytes: 0 } }, { what: 'disk space', needed: '100 MiB', offered: '0 MiB free' }],
  ];
  for (const [name, change, lack] of cases) {
    test(`${name} is named, and nothing else`, () => assert.deepEqual(lacksOf(change), [lack]));
  }

  test('a newer QEMU is fit', () => assert.deepEqual(lacksOf({ host: { qemuVersion: '10.0.2' } }), []));

  test('firmware of the same size is fit: the saved one travels in memory', () => {
    assert.deepEqual(lacksOf({ host: { firmware: { ...firmware, sha256: 'cd'.repeat(32) } } }), []);
  });

  test('every lack is named in one refusal', () => {
    const unfit = { ...host, qemuVersion: '6.2.0', machineTypes: [], cpuModels: new Map<string, string[]>(), accelerator: 'tcg', firmware: { ...firmware, lengthBytes: 1 } } as const;
    assert.throws(() => assertFit(contract, unfit, { memoryAvailableBytes: 0, diskAvailableBytes: 0, diskNeededBytes: 1 }), {
      code: 'HOST_UNFIT',
      expected: 'QEMU version 7.2 or newer; machine type pc-q35-7.2; CPU model Nehalem-v1; accelerator kvm; firmware size 262144 bytes; memory 768 MiB; disk space 1 MiB',
      found: '6.2.0; QEMU 6.2.0 without it; a QEMU that does not know it; tcg; 1 bytes of bios-256k.bin; 0 MiB available; 0 MiB free',
    });
  });
});

describe('versions', () => {
  for (const [version, minimum] of [['7.2', '7.2'], ['7.2.0', '7.2'], ['7.2', '7.2.0'], ['7.2.22', '7.2'], ['10.0', '9.9'], ['8', '7.2'], ['7.10', '7.9']] as const) {
    test(`${version} is at least ${minimum}`, () => assert.ok(atLeast(version, minimum)));
  }
  for (const [version, minimum] of [['7.1.99', '7.2'], ['7.2', '7.2.1'], ['6.9', '10.0'], ['7.9', '7.10'], ['7', '7.2']] as const) {
    test(`${version} is older than ${minimum}`, () => assert.equal(atLeast(version, minimum), false));
  }

  test('are in one order: of two, one is at least the other, and both only when they are the same', () => {
    const version = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 3 });
    fc.assert(fc.property(version, version, (a, b) => {
      const [forth, back] = [atLeast(a.join('.'), b.join('.')), atLeast(b.join('.'), a.join('.'))];
      assert.ok(forth || back);
      const padded = (parts: readonly number[]): string => [0, 1, 2].map((index) => parts[index] ?? 0).join('.');
      assert.equal(forth && back, padded(a) === padded(b));
    }));
  });
});
