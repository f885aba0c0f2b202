import { rename, rm } from 'node:fs/promises';
import { LocalDesktop } from '../desktop/local-desktop.ts';
import { syncPath } from '../durable-file.ts';
import type { Home } from '../home.ts';
import type { NewDesktop } from './new-desktop.ts';

/**
 * Nothing of it ran: its disks stay where they are, and the record says whose they are now. It is a stopped desktop of this host then, to be
 * started or not. The record first: a folder of another name than its record's desktop is moved by the next agent (`moveFolder`).
 */
export async function leaveDisks(home: Home, desktop: LocalDesktop, { desktopId, name, epoch, head }: NewDesktop): Promise<LocalDesktop> {
  const { disks } = desktop.record;
  const base = head === null ? null : { sequence: head.checkpoint.sequence, digest: head.checkpoint.digest };
  // They tell what pages held in another desktop's checkpoint; without them everything counts as changed.
  await rm(desktop.home.digestsFile, { force: true });
  await desktop.update({
    desktopId, name, epoch, base, stage: 'settled', commit: null, left: null, machine: null, asleep: false,
    // Nobody has signed a policy for this desktop.
    offline: 'keep', offlineSignedMs: 0,
    disks: head === null ? disks.map((disk) => ({ ...disk, committedLayers: 0 })) : disks,
  });
  return moveFolder(home, desktop);
}

/** The desktop in the folder of its id. */
export async function moveFolder(home: Home, desktop: LocalDesktop): Promise<LocalDesktop> {
  const place = home.desktop(desktop.record.desktopId);
  if (place.directory !== desktop.home.directory) {
    await rename(desktop.home.directory, place.directory);
    await syncPath(home.desktopsDirectory);
  }
  return new LocalDesktop(place, desktop.record);
}
