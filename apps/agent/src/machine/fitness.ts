import { Fault } from '@godwit/base';
import type { MachineContract } from './contract.ts';

/** What this host offers, as probed (capabilities.ts) with the rights that QEMU will have. */
export interface HostCapabilities {
  readonly program: string;
  /** `7.2.22` */
  readonly qemuVersion: string;
  readonly machineTypes: readonly string[];
  /** CPU model -> flags of it that this host cannot offer. */
  readonly cpuModels: ReadonlyMap<string, readonly string[]>;
  readonly accelerator: 'kvm' | 'tcg';
  /** Why KVM is not used; undefined where it is. */
  readonly kvmRefusal: string | undefined;
  /** Why QEMU, as its own user, cannot fetch memory on demand; undefined where it can. */
  readonly postcopyRefusal: string | undefined;
  /** Why QEMU, as its own user, cannot capture a guest behind its back; undefined where it can. */
  readonly snapshotRefusal: string | undefined;
  readonly firmware: { readonly file: string; readonly lengthBytes: number; readonly sha256: string };
}

export interface Room {
  readonly memoryAvailableBytes: number;
  readonly diskAvailableBytes: number;
  /** What the desktop's disks take here. */
  readonly diskNeededBytes: number;
}

export interface Lack {
  readonly what: string;
  readonly needed: string;
  readonly offered: string;
}

/** QEMU's own memory beside the guest's, with its translation cache under software emulation. */
const qemuOverheadBytes = 256 * 2 ** 20;

/** Everything the contract asks for and this host does not have; empty means fit. Pure. */
export function lacks(contract: MachineContract, host: HostCapabilities, room: Room): Lack[] {
  const found: Lack[] = [];
  const need = (met: boolean, what: string, needed: string, offered: string): void => {
    if (!met) found.push({ what, needed, offered });
  };
  need(atLeast(host.qemuVersion, contract.qemu.atLeast), 'QEMU version', `${contract.qemu.atLeast} or newer`, host.qemuVersion);
  need(host.machineTypes.includes(contract.machineType), 'machine type', contract.machineType, `QEMU ${host.qemuVersion} without it`);
  const model = contract.cpuModel.split(',')[0]!;
  const missing = host.cpuModels.get(model);
  need(missing !== undefined, 'CPU model', model, 'a QEMU that does not know it');
  need(missing === undefined || missing.length === 0, 'CPU flags', `all of ${model}`, `a CPU without ${missing?.join(', ') ?? ''}`);
  need(host.accelerator === contract.accelerator, 'accelerator', contract.accelerator, host.accelerator);
  need(host.firmware.lengthBytes === contract.firmware.lengthBytes, 'firmware size', `${contract.firmware.lengthBytes} bytes`, `${host.firmware.lengthBytes} bytes of ${host.firmware.file}`);
  const memoryNeededBytes = contract.memoryBytes + qemuOverheadBytes;
  need(room.memoryAvailableBytes >= memoryNeededBytes, 'memory', neededText(memoryNeededBytes), `${offeredText(room.memoryAvailableBytes)} available`);
  need(room.diskAvailableBytes >= room.diskNeededBytes, 'disk space', neededText(room.diskNeededBytes), `${offeredText(room.diskAvailableBytes)} free`);
  return found;
}

/** Throws HOST_UNFIT that names every lack. */
export function assertFit(contract: MachineContract, host: HostCapabilities, room: Room): void {
  const found = lacks(contract, host, room);
  if (found.length === 0) return;
  throw new Fault('HOST_UNFIT', {
    expected: found.map(({ what, needed }) => `${what} ${needed}`).join('; '),
    found: found.map(({ offered }) => offered).join('; '),
  });
}

/** Compares dotted versions number by number; missing parts count as 0. */
export function atLeast(version: string, minimum: string): boolean {
  const [a, b] = [version, minimum].map((text) => text.split('.').map(Number));
  for (let index = 0; index < Math.max(a!.length, b!.length); index++) {
    const difference = (a![index] ?? 0) - (b![index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** Rounded up what is needed and down what is offered: a lack never reads as if both were the same. */
function neededText(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

function offeredText(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}
