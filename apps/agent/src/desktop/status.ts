import type { Fault, HostId } from '@godwit/base';
import type { Desktop, DesktopStatus } from '@godwit/wire';
import { holdingNote } from '../lease/holding-note.ts';
import { savedNote } from '../offline/saved-note.ts';
import { protectionNote } from '../protect/protection-note.ts';
import type { LocalDesktop } from './local-desktop.ts';

/** What `status` says of a desktop that this host holds. `nowMs`: the wall clock. */
export function statusOfLocal(desktop: LocalDesktop, hostName: string, nowMs: number): DesktopStatus {
  const { record } = desktop;
  return {
    name: desktop.name,
    desktopId: record.left?.desktopId ?? record.desktopId,
    state: desktop.state,
    holder: hostName,
    epoch: record.epoch,
    sequence: record.base?.sequence ?? null,
    memoryBytes: record.contract.memoryBytes,
    arrival: desktop.arrival ?? null,
    departure: desktop.departure ?? null,
    qemuResidentBytes: desktop.machine?.process.residentBytes() ?? null,
    note: record.left === null ? noteOf(desktop, nowMs) : leavingText(desktop),
    offline: record.offline,
    holding: desktop.holding,
  };
}

function noteOf(desktop: LocalDesktop, nowMs: number): string | null {
  const { note, holding, confirmedWallMs, guardLost, machine, protection, record: { saved, offline } } = desktop;
  const held = holdingNote({ offline, holding, running: machine !== undefined, confirmedWallMs, guardLost }, nowMs);
  const notes = [held, saved === null ? undefined : savedNote(saved.savedMs, nowMs), protection === undefined || machine === undefined ? undefined : protectionNote(protection, nowMs), note].filter((part) => part !== undefined);
  return notes.length === 0 ? null : notes.join('; ');
}

function leavingText({ note, record }: LocalDesktop): string {
  const way = note ?? 'on its way into the store';
  return `${record.name} was taken over by ${record.left?.takenBy ?? 'another host'}; this is what was here: ${way}`;
}

/** What `status` says of a desktop that is here and whose record cannot be read: its name only where the coordinator says it. */
export function statusOfDamaged(desktopId: string, fault: Fault, remote: Desktop | undefined): DesktopStatus {
  return {
    name: remote?.name ?? desktopId,
    desktopId,
    state: 'damaged',
    holder: remote?.owner?.name ?? null,
    epoch: remote?.epoch ?? 0,
    sequence: remote?.head?.sequence ?? null,
    memoryBytes: null,
    arrival: null,
    departure: null,
    qemuResidentBytes: null,
    note: `${fault.message}; ${fault.hint}`,
    offline: remote?.offline ?? 'keep',
    holding: null,
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
export function statusOfRemote({ name, desktopId, owner, epoch, head, offline }: Desktop, { self, arriving, loss }: Traces): DesktopStatus {
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
    offline,
    holding: null,
  };
}
