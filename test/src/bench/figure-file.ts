import { loadavg } from 'node:os';
import type { HostCapabilities } from '@godwit/agent';
import { describeMachine, type BenchMachine } from './machine.ts';
import type { BenchRow } from './row.ts';
import type { LeftOut } from './scenario.ts';

/** What `--json` writes, and what the tables of docs/performance.md are made of. */
export interface FigureFile {
  readonly command: string;
  /** Year, month, day. */
  readonly measuredOn: string;
  readonly machine: BenchMachine & { readonly accelerator: HostCapabilities['accelerator'] };
  readonly rows: readonly BenchRow[];
  readonly leftOut: readonly LeftOut[];
}

/** The machine as one line of prose. */
export function machineText({ cores, cpu, memoryBytes, system, kernel, qemu, accelerator, node, restic, borg, loadBefore }: FigureFile['machine']): string {
  const emulation = accelerator === 'tcg' ? 'software emulation' : 'KVM';
  const backups = [...(restic === null ? [] : [`restic ${restic}`]), ...(borg === null ? [] : [`borg ${borg}`])];
  return [`${cores} cores ${cpu}`, `${Math.round(memoryBytes / 2 ** 30)} GiB`, `${system}, Linux ${kernel}`, `QEMU ${qemu} (${emulation})`, `Node ${node}`, ...backups, `load ${loadBefore.toFixed(2)} before`].join('; ');
}

/** Before anything is measured: the load is that of others. */
export function machineNow(host: HostCapabilities): FigureFile['machine'] {
  return { ...describeMachine(), accelerator: host.accelerator, loadBefore: loadavg()[0] ?? 0 };
}
