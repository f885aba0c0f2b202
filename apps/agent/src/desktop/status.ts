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

/** What this host knows of a desktop that it does not hold, or not whole. */
export interface Traces {
  readonly self: HostId;
  /** A resume here is under way. */
  readonly arriving: boolean;
  /** Why it was lost here, if this agent saw it. */
  readonly loss: string | undefined;
}

/** What `status` says of a desktop that is not here, from what the coordinator says. */
export function statusOfRemote({ name, desktopId, owner, epoch, head }: Desktop, { self, arriving, loss }: Traces): DesktopStatus {
  const elsewhere = owner === null ? (head === null ? 'new' : 'free') : owner.hostId === self ? 'lost' : 'elsewhere';
  const state = arriving && elsewhere !== 'elsewhere' ? 'arriving' : elsewhere;
  const lossNote = `its machine was lost here${loss === undefined ? '' : ` (${loss})`}; resume goes on from its last checkpoint`;
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
    note: state === 'lost' ? lossNote : null,
  };
}
