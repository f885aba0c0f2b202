import { Fault, type CommitId } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { CheckpointReader, CheckpointWriter, compact, mostlyDead, planCompaction } from '@godwit/snapshot';
import { bytesOf, textOf, type Checkpoint, type ControlResult, type Desktop } from '@godwit/wire';
import { acceptHead } from '../account/accept-head.ts';
import { OutcomeUnknown } from '../account/coordinator.ts';
import type { Report } from '../daemon/control-server.ts';
import { keysFor, storeItself, type Host } from './host.ts';
import { signerOf } from './local-desktop.ts';
import { PhaseReport } from './phase-report.ts';

type Compacted = NonNullable<ControlResult<'prune'>['compacted']>;

/** How long the same commit is sent again while nobody knows what became of it. */
const askMs = 30_000;
const pauseMs = 500;

/**
 * Copies what is live out of the packs that are mostly dead for the newest checkpoint into new ones, as the next checkpoint of the
 * same content. Takes the lease of a free desktop for that time, and gives it back whatever happens, unless the outcome of the
 * commit stays unknown: then the lease stays here, and the next resume here goes on.
 */
export function compactDesktop(host: Host, desktop: Desktop, report: Report): Promise<Compacted> {
  return rewriteDesktop(host, desktop, report, mostlyDead);
}

/** The same for packs of which less than the part `below` is live. The new ones are under the desktop's newest key. */
export async function rewriteDesktop(host: Host, desktop: Desktop, report: Report, below: number): Promise<Compacted> {
  const { coordinator } = host.account;
  const { desktopId, head, name, owner } = desktop;
  if (owner !== null) throw new Fault('DESKTOP_IN_USE', { subject: name, found: `it on ${owner.name}` });
  if (head === null) throw new Fault('DESKTOP_NEVER_SAVED', { subject: name });
  await host.account.refreshChain();
  const { epoch } = await coordinator.call('acquireDesktop', { params: { desktopId }, body: { expectedHeadDigest: head.digest } });
  try {
    const wrappedKeys = [...(await host.account.withNewestKey(desktopId, desktop.wrappedKeys))];
    return await rewriteHead(host, { ...desktop, wrappedKeys }, { head, epoch, below }, report);
  } catch (error) {
    // One that keeps the lease: nobody may go on from the old head while the new one may be committed.
    if (!(error instanceof Fault && error.code === 'COMMIT_UNKNOWN')) await coordinator.call('releaseDesktop', { params: { desktopId }, body: { epoch } });
    throw error;
  }
}

async function rewriteHead(host: Host, desktop: Desktop, { head, epoch, below }: { head: Checkpoint; epoch: number; below: number }, report: Report): Promise<Compacted> {
  const { account, clock, random } = host;
  const { desktopId, wrappedKeys } = desktop;
  const { state: chain } = account.chain;
  const phase = new PhaseReport(clock, report, 'compact');
  const bytes = bytesOf((await account.coordinator.call('readManifest', { params: { desktopId, sequence: String(head.sequence) } })).manifest);
  await acceptHead(account, desktop, bytes);
  const keys = await keysFor(host, desktopId, wrappedKeys, bytes);
  const store = storeItself(host, desktopId, epoch);
  const reader = await CheckpointReader.open({ store, keys, manifest: bytes, signerPublic: signerOf(host, bytes, head.digest) });
  const plan = await planCompaction(reader, below);
  if (plan.packIds.size === 0) {
    await account.coordinator.call('releaseDesktop', { params: { desktopId }, body: { epoch } });
    return { sequence: null, packs: 0, bytes: 0, bytesWritten: 0 };
  }
  const writer = new CheckpointWriter({
    store, keys, epoch, keyGeneration: Math.max(...wrappedKeys.map(({ generation }) => generation)), signer: account.device,
    chain: { length: chain.length, headHash: chain.headHash }, parent: reader, regions: reader.regions, random, clock,
    onProgress: ({ bytesUploaded }) => phase.advance(bytesUploaded, plan.liveBytes),
  });
  const sequence = head.sequence + 1;
  try {
    await compact(reader, plan, writer);
    const { manifest, commitId, stats } = await writer.finish({ contract: reader.contract, sequence, stats: { bytesScanned: 0, pauseMs: 0 } });
    const witness = textOf(await account.logWatch.witness(sha256(manifest), account.device));
    await commitUntilKnown(host, desktop.name, { params: { desktopId }, body: { commitId, epoch, manifest: textOf(manifest), release: true, witness } });
    await acceptHead(account, desktop, manifest).catch((error: unknown) => host.log.warn('head-not-remembered', { error }));
    return { sequence, packs: plan.packIds.size, bytes: plan.bytes, bytesWritten: stats.bytesUploaded };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

interface CommitCall {
  readonly params: { readonly desktopId: Desktop['desktopId'] };
  readonly body: { readonly commitId: CommitId; readonly epoch: number; readonly manifest: string; readonly release: boolean; readonly witness: string };
}

async function commitUntilKnown({ account, clock }: Host, name: string, call: CommitCall): Promise<void> {
  const startedMs = clock.bootMs();
  for (let sent = false; ; ) {
    try {
      await account.coordinator.call('commitCheckpoint', call);
      return;
    } catch (error) {
      const fault = Fault.from(error);
      sent ||= fault instanceof OutcomeUnknown || (fault.kind === 'unavailable' && fault.code !== 'COORDINATOR_UNREACHABLE');
      if (!sent || (fault.kind !== 'unavailable' && fault.kind !== 'internal')) throw fault;
      if (clock.bootMs() - startedMs > askMs) throw new Fault('COMMIT_UNKNOWN', { subject: name, cause: fault });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
