import { Fault, type CommitId } from '@godwit/base';
import { bytesOf, textOf, type ControlReceipt } from '@godwit/wire';
import { OutcomeUnknown } from '../account/coordinator.ts';
import { keepReceipt, proveCommit } from '../audit/prove.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';

/** How long a departure asks before it tells its person that it does not know. The agent goes on asking. */
const askMs = 30_000;
const firstPauseMs = 100;
const pauseMsMax = 2_000;

/**
 * Commits what `desktop.record.commit` holds and releases the lease, asking again until the outcome is known: the commit id makes
 * repeating safe. It is known when the receipt from the audit log holds, not when somebody says so. Throws COMMIT_UNKNOWN after 30 s
 * without an answer to a request that may have arrived, COMMIT_UNPROVEN where the answer came and no proof; any refusal as it is.
 */
export async function commitUntilKnown(host: Host, desktop: LocalDesktop): Promise<SafeCommit> {
  const { account, clock } = host;
  const { commit, desktopId, epoch } = desktop.record;
  if (commit === null) throw new Fault('INTERNAL', { expected: 'a commit in the record' });
  const witness = textOf(await account.logWatch.witness(bytesOf(commit.digest), account.device));
  const startedMs = clock.bootMs();
  let sent = false;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
    try {
      await account.coordinator.call('commitCheckpoint', { params: { desktopId }, body: { commitId: commit.commitId as CommitId, epoch, manifest: commit.manifest, release: true, witness } });
      break;
    } catch (error) {
      if (!mayHaveHappened(error) && !sent) throw error;
      if (isRefusal(error)) throw error;
      sent = true;
      if (clock.bootMs() - startedMs > askMs) throw new Fault('COMMIT_UNKNOWN', { subject: desktop.name, cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return provenSafe(host, desktop);
}

/** What makes it safe to close the lid. */
export interface SafeCommit {
  readonly receipt: ControlReceipt;
  /** Where it is kept on this host. */
  readonly file: string;
}

/**
 * The coordinator says that the checkpoint is committed; this is the proof. Without it nothing here is given up, whatever the reason:
 * COMMIT_UNPROVEN, and the agent asks again.
 */
async function provenSafe({ account, home }: Host, { name, record }: LocalDesktop): Promise<SafeCommit> {
  const { commit, desktopId, epoch } = record;
  if (commit === null) throw new Fault('INTERNAL', { expected: 'a commit in the record' });
  const own = { desktopId, epoch, commitId: commit.commitId as CommitId, sequence: commit.sequence, digest: bytesOf(commit.digest) };
  try {
    const receipt = await proveCommit(account, own);
    return { receipt, file: await keepReceipt(home, own, receipt) };
  } catch (error) {
    const fault = Fault.from(error);
    throw new Fault('COMMIT_UNPROVEN', { subject: name, expected: 'the receipt of the audit log', found: `${fault.message} [${fault.code}]`, cause: error });
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
