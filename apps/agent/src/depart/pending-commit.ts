import { Fault } from '@godwit/base';
import type { PageDigests } from '@godwit/snapshot';
import type { ControlReceipt } from '@godwit/wire';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import { isDecision, outcomeOf } from './commit.ts';

export interface AskOptions {
  /** False: it is sent for the first time. */
  readonly sentBefore: boolean;
  /** What the pages hold in this checkpoint, where that is known. */
  readonly digests?: PageDigests;
  readonly signal?: AbortSignal;
}

/**
 * Asks about the commit of a guest that goes on running (`pending` in the record) until its outcome is known. Committed, the desktop stands
 * on that checkpoint from here on: what is captured next is only what changed since. Its receipt is proven and handed out, and not kept in a
 * file: the next checkpoint follows in minutes. Throws COMMIT_UNKNOWN and COMMIT_UNPROVEN, and it stays pending; a refusal as it is, and then there
 * is nothing to ask about any more. The caller has made it the desktop's only operation.
 */
export async function settlePending(host: Host, desktop: LocalDesktop, { sentBefore, digests, signal }: AskOptions): Promise<ControlReceipt | undefined> {
  const { pending, name } = desktop.record;
  if (pending === null) return undefined;
  const { committedLayers, ...commit } = pending;
  let receipt: ControlReceipt;
  try {
    receipt = await outcomeOf(host, { subject: name, name, commit, release: false, ...(signal === undefined ? {} : { signal }) }, sentBefore);
  } catch (error) {
    // Sent for the first time, whatever is no open question is a refusal: it was not committed.
    const { code } = Fault.from(error);
    const refused = isDecision(error) || (!sentBefore && code !== 'COMMIT_UNKNOWN' && code !== 'COMMIT_UNPROVEN');
    if (refused) await desktop.update({ pending: null });
    throw error;
  }
  const disks = desktop.record.disks.map((disk, index) => ({ ...disk, committedLayers: committedLayers[index]! }));
  await desktop.update({ base: { sequence: commit.sequence, digest: commit.digest }, disks, pending: null });
  await standOn(host, desktop, digests);
  return receipt;
}

/** The record says on which checkpoint it stands now; what is not at hand is asked for by whoever needs it. */
async function standOn(host: Host, desktop: LocalDesktop, digests: PageDigests | undefined): Promise<void> {
  desktop.base = undefined;
  if (digests === undefined) return;
  try {
    const { reader } = (await desktop.openBase(host))!;
    desktop.base = { reader, digests };
    await desktop.saveDigests();
  } catch (error) {
    host.log.warn('base-not-opened', { desktop: desktop.record.desktopId, error });
  }
}
