import type { HostId } from '@godwit/base';
import type { Desktop, DesktopStatus } from '@godwit/wire';
import type { LocalDesktop } from './local-desktop.ts';

/** What `status` says of a desktop that this host holds. */
export function statusOfLocal(desktop: LocalDesktop, hostName: string): DesktopStatus {
  const { record } = desktop;
  return {
    name: desktop.name,
    desktopId: record.desktopId,
    state: desktop.state,
    holder: hostName,
    epoch: record.epoch,
    sequence: record.base?.sequence ?? null,
    memoryBytes: record.contract.memoryBytes,
    arrival: desktop.arrival ?? null,
    departure: desktop.departure ?? null,
    qemuResidentBytes: desktop.machine?.process.residentBytes() ?? null,
    note: desktop.note ?? null,
  };
}

/** What `status` says of a desktop that is not here, from what the coordinator says. */
export function statusOfRemote({ name, desktopId, owner, epoch, head }: Desktop, self: HostId): DesktopStatus {
  const state = owner === null ? (head === null ? 'new' : 'free') : owner.hostId === self ? 'lost' : 'elsewhere';
  return {
    name,
    desktopId,
    state,
    holder: owner?.name ?? null,
    epoch,
    sequence: head?.sequence ?? null,
    memoryBytes: null,
    arrival: null,
    departure: null,
    qemuResidentBytes: null,
    note: state === 'lost' ? 'its machine was lost here; resume goes on from its last checkpoint' : null,
  };
}
