import { rm } from 'node:fs/promises';
import { Fault } from '@godwit/base';
import { CheckpointReader, directoryStore, type ObjectStore } from '@godwit/snapshot';
import { bytesOf } from '@godwit/wire';
import { keysOf, type Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { endMachines, machinesOf } from '../machine/machines-of.ts';

/**
 * A checkpoint on this machine only: memory and device state of a desktop in its folder `saved`, sealed under a key of its own for an id of
 * its own (docs/decisions/0012). The disks are the layers that the record names. It is there as long as the record's `saved` says so.
 */
export function savedStore(desktop: LocalDesktop): ObjectStore {
  return directoryStore({ directory: desktop.home.savedDirectory });
}

/** Needs nobody but this machine. Throws what a reader throws of bytes that are not what was saved. */
export async function openSaved(host: Host, desktop: LocalDesktop): Promise<CheckpointReader> {
  const { saved } = desktop.record;
  if (saved === null) throw new Fault('INTERNAL', { expected: 'a saved checkpoint in the record' });
  const keys = keysOf(host, saved.localId, [{ generation: saved.generation, bytes: saved.wrappedKey }]);
  return CheckpointReader.open({ store: savedStore(desktop), keys, manifest: bytesOf(saved.manifest), signerPublic: host.account.device.signPublic });
}

/** What lies there and no record names; or names no more. */
export async function removeSaved(desktop: LocalDesktop): Promise<void> {
  await rm(desktop.home.savedDirectory, { recursive: true, force: true });
}

/**
 * While the record says `saved`, the saved state is the desktop and no machine is: one that is there was captured, or was being loaded from
 * it and had not all of it. Ends it, with the layers that only it wrote to.
 */
export async function backToSaved(desktop: LocalDesktop): Promise<void> {
  await desktop.machine?.end();
  await endMachines(machinesOf(desktop.home.machineDirectory));
  if (desktop.record.machine !== null) await desktop.update({ machine: null });
  await desktop.reconcileLayers(undefined);
}
