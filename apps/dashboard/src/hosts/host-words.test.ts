import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorHost } from '@godwit/wire/operators';
import { barText, factsOf, limitsOf } from './host-words.ts';

const report: NonNullable<OperatorHost['report']> = { agentVersion: '0.1.0', qemuVersions: ['7.2.22'], machineTypes: ['pc-q35-7.2'], cpuModels: ['qemu64'], accelerators: ['kvm', 'tcg'], ramBytes: 8 * 1024 ** 3, diskFreeBytes: 1024 ** 4, userfaultfd: true, capabilities: { avx2: true, cores: 8, kernel: '6.1' } };
const host = { name: 'laptop-b', holds: [{ name: 'work' }, { name: 'play' }] } as OperatorHost;

test('all that a host told is shown with its name', () => {
  deepEqual(factsOf(report).map(({ name, value }) => `${name} ${value}`), ['agent 0.1.0', 'QEMU 7.2.22', 'accelerators kvm, tcg', 'CPU models qemu64', 'machine types pc-q35-7.2', 'RAM 8.0 GiB', 'free disk 1.0 TiB', 'userfaultfd yes', 'avx2 yes', 'cores 8', 'kernel 6.1']);
});

test('what it cannot do follows from that', () => {
  deepEqual(limitsOf(report), []);
  equal(limitsOf({ ...report, accelerators: ['tcg'], userfaultfd: false, qemuVersions: [] }).length, 3);
});

test('whoever bars a host reads what happens to its desktops first', () => {
  match(barText(host, true).join(' '), /It holds 2 desktops: work, play\. They keep running there/);
  match(barText({ ...host, holds: [] }, true).join(' '), /It holds no desktop\./);
  match(barText(host, false).join(' '), /may ask for its desktops again/);
});
