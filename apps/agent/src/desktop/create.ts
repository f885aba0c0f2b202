import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Fault } from '@godwit/base';
import type { ControlArguments, ControlResult } from '@godwit/wire';
import { contractBytesMax, encodeContract, newContract, spareDiskBytes } from '../machine/contract.ts';
import { createImage, imageBytes, importImage } from '../machine/image-tool.ts';
import { handOver } from '../machine/privilege.ts';
import { roomOf, type Host } from './host.ts';
import { LocalDesktop } from './local-desktop.ts';
import { saveRecord, type DesktopRecord } from './record.ts';

const megabyte = 2 ** 20;

/** Makes a desktop on this host, which holds it from then on. On failure nothing is left, neither here nor at the coordinator. */
export async function createDesktop(host: Host, wish: ControlArguments<'create'>): Promise<{ desktop: LocalDesktop; result: ControlResult<'create'> }> {
  const { account, capabilities, random, home } = host;
  const diskBytes = await wishedDiskBytes(wish);
  const contract = newContract({ cpus: wish.cpus, memoryBytes: wish.memoryBytes, diskBytes, accelerator: capabilities.accelerator, firmware: capabilities.firmware, qemuVersion: capabilities.qemuVersion }, random);
  if (encodeContract(contract).length > contractBytesMax) throw new Fault('INTERNAL', { expected: 'a contract within its bound' });
  const { diskAvailableBytes } = await roomOf(host, 0);
  // Sparse: what the image holds has to fit now, the rest as the guest writes it.
  if (wish.image !== null && (await imageBytes(wish.image)) > diskAvailableBytes) throw new Fault('DISK_FULL', { subject: home.directory });
  const { desktopId, wrapped } = account.createDesktopKey();
  const record: DesktopRecord = {
    version: 1, desktopId, name: wish.name, epoch: 1, contract, base: null, nextLayer: 1, machine: null, stage: 'settled', commit: null,
    disks: contract.disks.map((_, disk) => ({ layers: [{ file: `disk${disk}-0.qcow2`, format: 'qcow2' as const }], committedLayers: 0 })),
  };
  const desktop = new LocalDesktop(home.desktop(desktopId), record);
  try {
    mkdirSync(desktop.home.directory, { recursive: true, mode: 0o711 });
    mkdirSync(desktop.home.machineDirectory);
    handOver(host.privilege, desktop.home.machineDirectory, 0o700);
    for (const [disk, { lengthBytes }] of contract.disks.entries()) {
      const path = desktop.path(`disk${disk}-0.qcow2`);
      if (disk === 0 && wish.image !== null) await importImage(wish.image, path, lengthBytes);
      else await createImage(path, lengthBytes);
      handOver(host.privilege, path, 0o600);
    }
    await saveRecord(desktop.home, record);
    await account.coordinator.call('createDesktop', { body: { desktopId, name: wish.name, wrappedKey: wrapped } });
  } catch (error) {
    await rm(desktop.home.directory, { recursive: true, force: true });
    throw error;
  }
  const { memoryBytes, disks, machineType, cpuModel, accelerator } = contract;
  return { desktop, result: { name: wish.name, desktopId, memoryBytes, disks, machineType, cpuModel, accelerator } };
}

async function wishedDiskBytes({ image, diskBytes }: ControlArguments<'create'>): Promise<number> {
  if (image !== null && !existsSync(image)) throw new Fault('IMAGE_UNUSABLE', { subject: image, found: 'no such file' });
  const wished = diskBytes ?? (image === null ? 0 : await imageBytes(image));
  if (wished < spareDiskBytes) throw new Fault('VALUE_OUT_OF_RANGE', { subject: 'disk', expected: 'an --image, or a --disk of at least 1M', found: `${wished} bytes` });
  return Math.ceil(wished / megabyte) * megabyte;
}
