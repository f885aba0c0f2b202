import { existsSync, mkdirSync } from 'node:fs';
import { Fault } from '@godwit/base';
import type { ControlArguments, ControlResult } from '@godwit/wire';
import { mayHaveHappened } from '../account/coordinator.ts';
import { makeFolderDurably, syncPath } from '../durable-file.ts';
import { contractBytesMax, encodeContract, newContract, spareDiskBytes } from '../machine/contract.ts';
import { createImage, imageBytes, importImage } from '../machine/image-tool.ts';
import { handOver } from '../machine/privilege.ts';
import { roomOf, type Host } from './host.ts';
import { LocalDesktop } from './local-desktop.ts';
import { storeFirstPolicy } from './offline-policy.ts';
import { keptHere, saveRecord, type DesktopRecord } from './record.ts';

const megabyte = 2 ** 20;
/** Between attempts to tell the coordinator of a desktop. */
const announceEveryMs = 2_000;

/** Makes a desktop on this host; `announce` makes it one of the account. On failure nothing of it is left. */
export async function createDesktop(host: Host, wish: ControlArguments<'create'>): Promise<{ desktop: LocalDesktop; result: ControlResult<'create'> }> {
  const { account, capabilities, random, home } = host;
  const diskBytes = await wishedDiskBytes(wish);
  const contract = newContract({ cpus: wish.cpus, memoryBytes: wish.memoryBytes, diskBytes, accelerator: capabilities.accelerator, firmware: capabilities.firmware, qemuVersion: capabilities.qemuVersion }, random);
  if (encodeContract(contract).length > contractBytesMax) throw new Fault('INTERNAL', { expected: 'a contract within its bound' });
  const { diskAvailableBytes } = await roomOf(host, 0);
  // Sparse: what the image holds has to fit now, the rest as the guest writes it.
  if (wish.image !== null && (await imageBytes(wish.image)) > diskAvailableBytes) throw new Fault('DISK_FULL', { subject: home.directory });
  const { desktopId } = account.createDesktopKey();
  const record: DesktopRecord = {
    version: 1, desktopId, name: wish.name, epoch: 1, contract, base: null, nextLayer: 1, machine: null, stage: 'arriving', commit: null, ...keptHere, announced: false, offline: wish.offline,
    disks: contract.disks.map((_, disk) => ({ layers: [{ file: `disk${disk}-0.qcow2`, format: 'qcow2' as const }], committedLayers: 0 })),
  };
  const desktop = new LocalDesktop(home.desktop(desktopId), record);
  try {
    await makeFolderDurably(desktop.home.directory, 0o711);
    mkdirSync(desktop.home.machineDirectory);
    handOver(host.privilege, desktop.home.machineDirectory, 0o700);
    // First of all: an agent that is killed in the middle leaves nothing that the next one does not know.
    await saveRecord(desktop.home, record);
    for (const [disk, { lengthBytes }] of contract.disks.entries()) {
      const path = desktop.path(`disk${disk}-0.qcow2`);
      if (disk === 0 && wish.image !== null) await importImage(wish.image, path, lengthBytes);
      else await createImage(path, lengthBytes);
      handOver(host.privilege, path, 0o600);
      await syncPath(path);
    }
    await syncPath(desktop.home.machineDirectory);
    await desktop.update({ stage: 'settled' });
  } catch (error) {
    await desktop.forget();
    throw error;
  }
  const { memoryBytes, disks, machineType, cpuModel, accelerator } = contract;
  return { desktop, result: { name: wish.name, desktopId, memoryBytes, disks, machineType, cpuModel, accelerator } };
}

/**
 * Tells the coordinator of a desktop that was made here, and that it is strict, if it is; saying it again means the same. Throws what the coordinator says; `mayHaveHappened`
 * tells whether it may be known there all the same.
 */
export async function announce(host: Host, desktop: LocalDesktop): Promise<void> {
  const { account } = host;
  const { desktopId, name } = desktop.record;
  // One that it has already keeps the key that it has.
  const { wrapped } = account.createDesktopKey(desktopId);
  await account.coordinator.call('createDesktop', { body: { desktopId, name, wrappedKey: wrapped } });
  if (desktop.record.offline === 'stop') await storeFirstPolicy(host, desktop);
  await desktop.update({ announced: true });
}

/** Says it until there is an answer. Undefined: the desktop is the coordinator's too. Else the refusal: there is no such desktop, and nothing of it is left here. */
export async function announceUntilKnown(host: Host, desktop: LocalDesktop): Promise<Fault | undefined> {
  for (;;) {
    try {
      await announce(host, desktop);
      desktop.note = undefined;
      return undefined;
    } catch (error) {
      const fault = Fault.from(error);
      if (!mayHaveHappened(error) && fault.code !== 'COORDINATOR_UNREACHABLE') {
        await desktop.forget();
        return fault;
      }
      desktop.note = `the coordinator does not know it yet: ${fault.message}`;
    }
    await new Promise((resolve) => setTimeout(resolve, announceEveryMs));
  }
}

async function wishedDiskBytes({ image, diskBytes }: ControlArguments<'create'>): Promise<number> {
  if (image !== null && !existsSync(image)) throw new Fault('IMAGE_UNUSABLE', { subject: image, found: 'no such file' });
  const wished = diskBytes ?? (image === null ? 0 : await imageBytes(image));
  if (wished < spareDiskBytes) throw new Fault('VALUE_OUT_OF_RANGE', { subject: 'disk', expected: 'an --image, or a --disk of at least 1M', found: `${wished} bytes` });
  return Math.ceil(wished / megabyte) * megabyte;
}
