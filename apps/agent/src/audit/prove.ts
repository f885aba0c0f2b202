import { join } from 'node:path';
import { Fault, type CommitId, type DesktopId } from '@godwit/base';
import { openWitness, sha256, verifyConsistency } from '@godwit/crypto';
import { decodeManifestPublic } from '@godwit/snapshot';
import { bytesOf, textOf, type ControlReceipt } from '@godwit/wire';
import type { Account } from '../account/account.ts';
import { makeFolderDurably, writeDurably } from '../durable-file.ts';
import type { Home } from '../home.ts';
import type { ReceiptKind } from './log-watch.ts';
import { checkReceipt, requireLeaf } from './receipt.ts';

export interface ProvenCommit {
  readonly desktopId: DesktopId;
  readonly commitId: CommitId;
  readonly epoch: number;
  readonly sequence: number;
  /** SHA-256 of the manifest. */
  readonly digest: Buffer;
}

/**
 * The receipt of this host's own commit: a leaf that says exactly what this host knows, below a signed head that descends from all that
 * it saw. Throws LEAF_NOT_FOUND and what the checks throw.
 */
export async function proveCommit(account: Account, commit: ProvenCommit): Promise<ControlReceipt> {
  const { desktopId, commitId, epoch, sequence, digest } = commit;
  const receipt = await fetchReceipt(account, desktopId, 'checkpoint-committed', sequence);
  const { leaf } = checkReceipt(receipt, account.logWatch.key);
  const { accountId, device } = account;
  requireLeaf(leaf, { kind: 'checkpoint-committed', accountId, hostId: device.hostId, desktopId, subject: commitId, epoch, sequence, digest });
  if (leaf.witness === null) throw new Fault('LOG_PROOF_INVALID', { subject: 'witness', expected: 'the witness of this host', found: 'none' });
  openWitness(leaf.witness, { ...device, digest }, account.logWatch.key);
  return receipt;
}

/** That the log says that this host got `epoch`, by making the desktop, acquiring it or taking it over: a second holder of it has no such proof. */
export async function proveAcquired(account: Account, desktopId: DesktopId, epoch: number): Promise<void> {
  const { kind, receipt } = epoch === 1 ? await fetchFirst(account, desktopId, epoch, ['desktop-created']) : await fetchFirst(account, desktopId, epoch, ['desktop-acquired', 'desktop-taken-over']);
  const { leaf } = checkReceipt(receipt, account.logWatch.key);
  requireLeaf(leaf, { kind, accountId: account.accountId, hostId: account.device.hostId, desktopId, epoch });
}

/** The receipt of the first of these kinds that the log has for this number. Throws LEAF_NOT_FOUND when it has none of them. */
async function fetchFirst(account: Account, desktopId: DesktopId, number: number, [kind, ...others]: readonly [ReceiptKind, ...ReceiptKind[]]): Promise<{ kind: ReceiptKind; receipt: ControlReceipt }> {
  try {
    return { kind, receipt: await fetchReceipt(account, desktopId, kind, number) };
  } catch (error) {
    const [next, ...rest] = others;
    if (next === undefined || Fault.from(error).code !== 'LEAF_NOT_FOUND') throw error;
    return fetchFirst(account, desktopId, number, [next, ...rest]);
  }
}

/**
 * That the checkpoint which is about to run here is in the log that this host sees, and that the host which committed it saw the same
 * log: its witness names a head that has to be a beginning of this one. LOG_FORKED, with both heads as evidence, when it is not.
 */
export async function proveHead(account: Account, manifest: Buffer): Promise<void> {
  const { desktopId, hostId, epoch, sequence, commitId, forkedFrom } = decodeManifestPublic(manifest);
  const digest = sha256(manifest);
  const kind = forkedFrom === undefined ? 'checkpoint-committed' : 'desktop-forked';
  const { answer, head } = await account.logWatch.receipt(desktopId, kind, sequence);
  const { leaf } = checkReceipt(receiptOf(account, answer), account.logWatch.key);
  requireLeaf(leaf, { kind, accountId: account.accountId, hostId, desktopId, epoch, sequence, digest, ...(kind === 'checkpoint-committed' ? { subject: commitId } : {}) });
  // Forks are made by one host from what it has verified; the checkpoints that follow carry witnesses again.
  if (kind === 'desktop-forked') return;
  const writer = account.chain.state.devices.get(hostId);
  if (writer === undefined) throw new Fault('DEVICE_UNKNOWN', { subject: hostId });
  try {
    const seen = openWitness(leaf.witness ?? Buffer.alloc(0), { hostId, signPublic: writer.device.signPublic, digest }, account.logWatch.key);
    verifyConsistency({ from: seen.size, fromRoot: seen.root, to: head.size, toRoot: head.root, proof: answer.witnessed.map(bytesOf) });
  } catch (error) {
    const evidence = { shown: answer.head, leaf: answer.leaf, witness: leaf.witness === null ? null : textOf(leaf.witness), cause: Fault.from(error).message };
    throw await account.logWatch.alarm('LOG_FORKED', `the log that ${writer.name} saw when it committed checkpoint ${sequence}`, 'another', evidence);
  }
}

async function fetchReceipt(account: Account, desktopId: DesktopId, kind: ReceiptKind, number: number): Promise<ControlReceipt> {
  return receiptOf(account, (await account.logWatch.receipt(desktopId, kind, number)).answer);
}

function receiptOf({ logWatch }: Account, { index, leaf, inclusion, head }: Omit<ControlReceipt, 'version' | 'audience' | 'logKey'>): ControlReceipt {
  return { version: 1, audience: logWatch.key.audience, logKey: textOf(logWatch.key.signPublic), index, leaf, inclusion, head };
}

/** `receipts/<desktop>/<sequence>.json` in the agent's home: it outlives the desktop's own folder, which goes with the desktop. */
export async function keepReceipt(home: Home, { desktopId, sequence }: ProvenCommit, receipt: ControlReceipt): Promise<string> {
  const directory = join(home.directory, 'receipts', desktopId);
  await makeFolderDurably(directory, 0o700);
  const file = join(directory, `${sequence}.json`);
  await writeDurably(file, `${JSON.stringify(receipt, undefined, 2)}\n`);
  return file;
}
