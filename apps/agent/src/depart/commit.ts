import { Fault, type CommitId } from '@godwit/base';
import { decodeManifestPublic } from '@godwit/snapshot';
import { bytesOf, textOf, type ControlReceipt } from '@godwit/wire';
import { acceptHead } from '../account/accept-head.ts';
import { mayHaveHappened } from '../account/coordinator.ts';
import { keepReceipt, proveCommit } from '../audit/prove.ts';
import type { Host } from '../desktop/host.ts';
import type { LocalDesktop } from '../desktop/local-desktop.ts';
import type { SentCommit } from '../desktop/record.ts';

/** How long a departure asks before it tells its person that it does not know. The agent goes on asking. */
const askMs = 30_000;
const firstPauseMs = 100;
const pauseMsMax = 2_000;

/**
 * Commits what `desktop.record.commit` holds, to the desktop and in the epoch that its manifest names, and releases the lease, asking again
 * until the outcome is known. `sentBefore`: by an earlier call, maybe of an earlier agent. Then remembers the head. Throws as `outcomeOf`.
 */
export async function commitUntilKnown(host: Host, desktop: LocalDesktop, sentBefore: boolean): Promise<SafeCommit> {
  const { commit, left, name } = desktop.record;
  if (commit === null) throw new Fault('INTERNAL', { expected: 'a commit in the record' });
  const { desktopId } = decodeManifestPublic(bytesOf(commit.manifest));
  const receipt = await outcomeOf(host, { subject: desktop.name, name: left?.desktopId === desktopId ? left.name : name, commit, release: true }, sentBefore);
  return { receipt, file: await unproven(desktop.name, () => keepReceipt(host.home, ownCommit(commit), receipt)) };
}

export interface CommitToSend {
  /** What faults are about: the desktop as its person knows it. */
  readonly subject: string;
  /** Of the desktop that it goes to. */
  readonly name: string;
  readonly commit: SentCommit;
  readonly release: boolean;
  /** Ends the asking, with COMMIT_UNKNOWN where it was sent. */
  readonly signal?: AbortSignal;
}

/**
 * Sends a commit until its outcome is known: the commit id makes repeating safe. It is known when the receipt from the audit log holds, not
 * when somebody says so. Throws COMMIT_UNKNOWN after 30 s without an answer to a request that may have arrived, COMMIT_UNPROVEN where the
 * answer came and no proof; any refusal as it is.
 */
export async function outcomeOf(host: Host, { subject, name, commit, release, signal }: CommitToSend, sentBefore: boolean): Promise<ControlReceipt> {
  const { account, clock } = host;
  const manifest = bytesOf(commit.manifest);
  const { desktopId, epoch } = decodeManifestPublic(manifest);
  const witness = textOf(await account.logWatch.witness(bytesOf(commit.digest), account.device));
  const startedMs = clock.bootMs();
  let sent = sentBefore;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
    try {
      await account.coordinator.call('commitCheckpoint', { params: { desktopId }, body: { commitId: commit.commitId as CommitId, epoch, manifest: commit.manifest, release, witness } });
      break;
    } catch (error) {
      if (isDecision(error)) throw error;
      sent ||= mayHaveHappened(error);
      if (!sent) throw error;
      if (clock.bootMs() - startedMs > askMs || signal?.aborted === true) throw new Fault('COMMIT_UNKNOWN', { subject, cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  const receipt = await unproven(subject, () => proveCommit(account, ownCommit(commit)));
  // It is committed: whatever happens here must not bring the guest back.
  await acceptHead(account, { desktopId, name }, manifest).catch((error: unknown) => host.log.warn('head-not-remembered', { error }));
  return receipt;
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
async function unproven<Result>(subject: string, prove: () => Promise<Result>): Promise<Result> {
  try {
    return await prove();
  } catch (error) {
    const fault = Fault.from(error);
    throw new Fault('COMMIT_UNPROVEN', { subject, expected: 'the receipt of the audit log', found: `${fault.message} [${fault.code}]`, cause: error });
  }
}

function ownCommit({ commitId, manifest, sequence, digest }: SentCommit): Parameters<typeof proveCommit>[1] {
  const { desktopId, epoch } = decodeManifestPublic(bytesOf(manifest));
  return { desktopId, epoch, commitId: commitId as CommitId, sequence, digest: bytesOf(digest) };
}

/**
 * What the coordinator says of the commit itself, after it looked whether it has it: it is refused, for good. Any other refusal is about the
 * request (its time, its host, its form), and says nothing of one that was sent before and whose answer was lost.
 */
const decisions: ReadonlySet<string> = new Set(['EPOCH_FENCED', 'HEAD_MOVED', 'COMMIT_ID_REUSED', 'COMMIT_REFUSED', 'COMMIT_PACK_MISSING', 'KEY_GENERATION_OLD']);

/** Whether `error` says that a commit was refused for good, also one that was sent before. */
export function isDecision(error: unknown): boolean {
  return error instanceof Fault && decisions.has(error.code);
}
