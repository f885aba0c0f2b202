import { Fault } from '@godwit/base';
import { commitUntilKnown } from '../depart/commit.ts';
import { clear } from '../depart/depart.ts';
import type { Host } from './host.ts';
import type { LocalDesktop } from './local-desktop.ts';

/** Between questions about a commit whose outcome is not known. */
const askEveryMs = 2_000;

/**
 * Goes on asking about the commit that the record names, for as long as nobody knows what became of it. Undefined: it is committed, and nothing
 * of the desktop is here any more. Else the coordinator's refusal: what is here counts again, and its guest runs on unless another host owns it.
 */
export async function settleCommit(host: Host, desktop: LocalDesktop): Promise<Fault | undefined> {
  for (let committed = false; ; await new Promise((resolve) => setTimeout(resolve, askEveryMs))) {
    try {
      if (!committed) await commitUntilKnown(host, desktop, true);
      committed = true;
      await clear(desktop);
      return undefined;
    } catch (error) {
      const fault = Fault.from(error);
      desktop.note = committed ? `it is safe in the store, and cannot be removed here: ${fault.message}` : fault.message;
      host.log.warn('commit-not-settled', { desktop: desktop.record.desktopId, committed, error: fault });
      // Whatever a disk of this host says, it says nothing of the commit.
      if (committed || fault.kind === 'unavailable' || fault.kind === 'internal') continue;
      await desktop.refuseCommit(fault);
      return fault;
    }
  }
}
