import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '@godwit/base';
import { commitUntilKnown } from '../depart/commit.ts';
import { clear } from '../depart/depart.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import type { Taken } from '../lease/held-desktop.ts';
import { randomUuid } from '../machine/contract.ts';
import { leaveDisks } from './leave-disks.ts';
import { leaveMachine, leaveSaved } from './leave-machine.ts';
import { noteLeft } from './left-notes.ts';
import { leftOf, newLeft, takeNewDesktop } from './new-desktop.ts';

export type LeftBehind =
  /** A desktop of its own in the store: nothing is on this host any more. */
  | { readonly kind: 'gone' }
  /** Its machine did not run: a stopped desktop of its own that this host holds. */
  | { readonly kind: 'here'; readonly desktop: LocalDesktop };

const firstPauseMs = 500;
const pauseMsMax = 30_000;

/**
 * What this host has of a desktop that another host took over becomes a desktop of its own. The caller has made it the desktop's only
 * operation; its guest never runs again under the old name. Resolves when that is done, however long the coordinator or the store are out of
 * reach; rejects with what only a person can settle, and then the guest stands still and the record says `left`. Beginning again, also after
 * the agent was killed anywhere in it, goes on where it was.
 */
export async function leaveBehind(host: Host, desktop: LocalDesktop, taken: Taken): Promise<LeftBehind> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
    try {
      await begin(host, desktop, taken);
      await desktop.hold();
      return await leave(host, desktop);
    } catch (error) {
      const fault = Fault.from(error);
      host.log.warn('copy-not-left-yet', { desktop: desktop.record.desktopId, left: desktop.record.left?.desktopId, error: fault });
      desktop.note = `it stands still until it can be kept: ${fault.message}`;
      if (fault.kind === 'denied') throw fault;
    }
    await sleep(pauseMs);
  }
}

/** Durable before the coordinator hears of it. From here on the guest may not run, whatever happens to this agent. */
async function begin(host: Host, desktop: LocalDesktop, { by, epoch }: Taken): Promise<void> {
  const { record } = desktop;
  if (record.stage === 'left') return;
  const left = newLeft(host, desktop, { takenBy: by, takenEpoch: epoch });
  // Wherever it runs again it is told that it is a copy: the guest that went on elsewhere has the same secrets.
  await desktop.update({ stage: 'left', commit: null, pending: null, left, contract: { ...record.contract, generationId: randomUuid(host.random) } });
  host.log.info('copy-left', { desktop: record.desktopId, epoch: record.epoch, left: left.desktopId, takenBy: by, takenEpoch: epoch });
}

/** One step after the other, each of which finds what was done before. */
async function leave(host: Host, desktop: LocalDesktop): Promise<LeftBehind> {
  await learnTaker(host, desktop);
  if (desktop.record.commit === null || !(await settle(host, desktop))) {
    // A QEMU that does not answer may have what its folder has not.
    if (desktop.machine === undefined && desktop.silent !== undefined) throw new Fault('QMP_UNREACHABLE', { subject: desktop.name });
    const into = await takeNewDesktop(host, desktop);
    if (desktop.record.saved !== null) await leaveSaved(host, desktop, into);
    else if (desktop.machine !== undefined) await leaveMachine(host, desktop, into);
    else {
      await noteLeft(host.home, desktop.record.name, leftOf(desktop), 'here');
      return { kind: 'here', desktop: await leaveDisks(host.home, desktop, into) };
    }
  }
  await noteLeft(host.home, desktop.record.name, leftOf(desktop), 'stored');
  await clear(desktop);
  return { kind: 'gone' };
}

/** True: what was sent before is committed. False: it was refused, and there is nothing to ask about any more. */
async function settle(host: Host, desktop: LocalDesktop): Promise<boolean> {
  try {
    await commitUntilKnown(host, desktop, true);
    return true;
  } catch (error) {
    const fault = Fault.from(error);
    if (fault.kind === 'unavailable' || fault.kind === 'internal' || fault.code === 'COMMIT_UNPROVEN') throw fault;
    host.log.warn('left-commit-refused', { desktop: desktop.record.desktopId, error: fault });
    await desktop.update({ commit: null });
    return false;
  }
}

/** Its user wants to know who has it; whoever told that it was taken may not have said. */
async function learnTaker({ account }: Host, desktop: LocalDesktop): Promise<void> {
  const left = leftOf(desktop);
  if (left.takenBy !== null) return;
  const { owner, epoch } = await account.coordinator.call('readDesktop', { params: { desktopId: desktop.record.desktopId } });
  if (owner !== null) await desktop.update({ left: { ...left, takenBy: owner.name, takenEpoch: epoch } });
}
