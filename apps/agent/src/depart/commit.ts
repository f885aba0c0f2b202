import { Fault, type CommitId } from '@godwit/base';
import { OutcomeUnknown } from '../account/coordinator.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';

/** How long a departure asks before it tells its person that it does not know. The agent goes on asking. */
const askMs = 30_000;
const firstPauseMs = 100;
const pauseMsMax = 2_000;

/**
 * Commits what `desktop.record.commit` holds and releases the lease, asking again until the outcome is known: the commit id makes
 * repeating safe. Throws COMMIT_UNKNOWN after 30 s without an answer to a request that may have arrived; any refusal as it is.
 */
export async function commitUntilKnown(host: Host, desktop: LocalDesktop): Promise<void> {
  const { account, clock } = host;
  const { commit, desktopId, epoch } = desktop.record;
  if (commit === null) throw new Fault('INTERNAL', { expected: 'a commit in the record' });
  const startedMs = clock.bootMs();
  let sent = false;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
    try {
      await account.coordinator.call('commitCheckpoint', { params: { desktopId }, body: { commitId: commit.commitId as CommitId, epoch, manifest: commit.manifest, release: true } });
      return;
    } catch (error) {
      if (!mayHaveHappened(error) && !sent) throw error;
      if (isRefusal(error)) throw error;
      sent = true;
      if (clock.bootMs() - startedMs > askMs) throw new Fault('COMMIT_UNKNOWN', { subject: desktop.name, cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** A lost answer, or a coordinator whose database broke off in the middle. */
function mayHaveHappened(error: unknown): boolean {
  return error instanceof OutcomeUnknown || (error instanceof Fault && error.kind === 'unavailable' && error.code !== 'COORDINATOR_UNREACHABLE');
}

/** The coordinator has decided, so it is known. */
function isRefusal(error: unknown): boolean {
  return error instanceof Fault && error.kind !== 'unavailable' && error.kind !== 'internal';
}
