import { existsSync, statSync } from 'node:fs';
import { Fault } from '@godwit/base';
import type { ControlResult } from '@godwit/wire';
import { findDesktop } from './find-desktop.ts';
import type { Host } from './host.ts';
import type { LocalDesktop } from './local-desktop.ts';

/** `st_blocks` counts in these, whatever the file system's own blocks are (stat(2)). */
const statBlockBytes = 512;

/**
 * What going back to the newest checkpoint gives up of what this host has. Throws COMMIT_UNKNOWN while that may be in the store already,
 * and whatever keeps the checkpoint from being gone on from: EPOCH_FENCED, DESKTOP_NEVER_SAVED, HEAD_ROLLED_BACK, COORDINATOR_UNREACHABLE.
 */
export async function givenUpBy({ account, clock }: Host, desktop: LocalDesktop): Promise<Omit<ControlResult<'discard'>, 'done'>> {
  const { name, record } = desktop;
  if (desktop.commitPending) throw new Fault('COMMIT_UNKNOWN', { subject: name });
  const { owner, epoch, head, desktopId } = await findDesktop(account, name);
  if (owner?.hostId !== account.device.hostId || epoch !== record.epoch) {
    throw new Fault('EPOCH_FENCED', { subject: name, expected: `epoch ${record.epoch} held here`, found: `epoch ${epoch} held by ${owner?.name ?? 'nobody'}` });
  }
  account.heads.check({ desktopId, name }, head);
  if (head === null) throw new Fault('DESKTOP_NEVER_SAVED', { subject: name, hint: `there is no checkpoint to go back to: start it with \`godwit start ${name}\`` });
  const layers = record.disks.flatMap((disk) => disk.layers.slice(disk.committedLayers));
  return {
    name,
    sequence: head.sequence,
    acknowledgedMs: head.acknowledgedMs,
    ageMs: Math.max(0, clock.wallMs() - head.acknowledgedMs),
    diskBytes: layers.reduce((sum, { file }) => sum + allocatedBytes(desktop.path(file)), 0),
    memoryBytes: desktop.machine === undefined && desktop.silent === undefined && record.saved === null ? 0 : record.contract.memoryBytes,
  };
}

/** From here on only the checkpoint counts, for the next agent too: what is here is worth as much as an arrival that ended half-way. */
export async function renounce(desktop: LocalDesktop): Promise<void> {
  await desktop.update({ stage: 'arriving', saved: null });
  await desktop.endMachine();
}

function allocatedBytes(path: string): number {
  return existsSync(path) ? statSync(path).blocks * statBlockBytes : 0;
}
