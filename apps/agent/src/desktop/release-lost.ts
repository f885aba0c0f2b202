import type { Desktop } from '@godwit/wire';
import type { Account } from '../account/account.ts';

/**
 * A desktop that this host holds and has not is given up before it is acquired anew: what was sent in the old epoch and is still on its way (a
 * release, a commit of unknown outcome) would else be taken for a word about the guest that runs from now on. Nothing for one that is free.
 */
export async function releaseLost({ coordinator }: Account, remote: Desktop): Promise<Desktop> {
  if (remote.owner === null) return remote;
  await coordinator.call('releaseDesktop', { params: { desktopId: remote.desktopId }, body: { epoch: remote.epoch } });
  return { ...remote, owner: null };
}
