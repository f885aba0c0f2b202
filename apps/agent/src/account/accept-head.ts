import { Fault, type DesktopId } from '@godwit/base';
import { assertOnChain, generationAt, sha256, verify } from '@godwit/crypto';
import { splitManifest } from '@godwit/snapshot';
import type { Account } from './account.ts';

/**
 * Judges a manifest that is shown as a desktop's newest, and remembers it: signed by a device of the account, in that device's time in
 * the chain, with a view of the chain that fits ours, and not older than what this host saw. After `refreshChain`; opens nothing.
 *
 * Throws MANIFEST_INVALID, DEVICE_UNKNOWN, DEVICE_REVOKED, CHAIN_ROLLED_BACK and CHAIN_FORKED (the writer saw another chain), HEAD_ROLLED_BACK.
 */
export async function acceptHead(account: Account, desktop: { readonly desktopId: DesktopId; readonly name: string }, manifest: Buffer): Promise<void> {
  const { public: content, signed, signature } = splitManifest(manifest);
  const { state } = account.chain;
  const digest = sha256(manifest).toString('base64url');
  if (content.desktopId !== desktop.desktopId) throw new Fault('MANIFEST_INVALID', { expected: `desktop ${desktop.desktopId}`, found: content.desktopId });
  const writer = state.devices.get(content.hostId);
  if (writer === undefined) throw new Fault('DEVICE_UNKNOWN', { subject: content.hostId });
  try {
    verify('manifest', signed, signature, writer.device.signPublic);
  } catch (error) {
    throw new Fault('MANIFEST_INVALID', { expected: `the signature of ${writer.name}`, cause: error });
  }
  const { length, headHash } = content.chain;
  assertOnChain(state, { length, headHash });
  const { revokedAt } = writer;
  // Position counts, not time: after its revocation a device signs nothing, and what it signed before is under the keys of before.
  if (writer.addedAt >= length || (revokedAt !== undefined && length > revokedAt)) throw new Fault('DEVICE_REVOKED', { subject: writer.name, expected: 'a checkpoint from its time in the account', found: `one that names entry ${length - 1} of the chain` });
  if (content.keyGeneration > generationAt(state, length)) throw new Fault('MANIFEST_INVALID', { expected: `a key generation up to ${generationAt(state, length)}`, found: `${content.keyGeneration}` });
  const head = { epoch: content.epoch, sequence: content.sequence, digest, parent: content.parent?.digest.toString('base64url') ?? null };
  account.heads.check(desktop, head);
  await account.heads.remember(desktop, head);
}
