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
  if (writer.addedAt >= length) throw new Fault('MANIFEST_INVALID', { expected: `a chain that has ${writer.name}`, found: `one of ${length} entries` });
  if (writer.revokedAt !== undefined) assertSeen(account, desktop, { digest, writer: writer.name });
  if (content.keyGeneration > generationAt(state, length)) throw new Fault('MANIFEST_INVALID', { expected: `a key generation up to ${generationAt(state, length)}`, found: `${content.keyGeneration}` });
  const head = { epoch: content.epoch, sequence: content.sequence, digest, parent: content.parent?.digest.toString('base64url') ?? null };
  account.heads.check(desktop, head);
  await account.heads.remember(desktop, head);
}

/**
 * A device that was revoked may sign what it likes about its own past. What it really committed by then was seen by the host that revoked
 * it (revoke.ts), which remembers it; any other host waits until such a host has written the desktop again.
 */
function assertSeen(account: Account, { desktopId, name }: { readonly desktopId: DesktopId; readonly name: string }, { digest, writer }: { readonly digest: string; readonly writer: string }): void {
  const seen = account.heads.seen(desktopId);
  if (seen?.digest === digest) return;
  const back = seen === undefined ? '' : `, or go back to what was seen here with \`godwit rollback ${name}@${seen.sequence}\``;
  throw new Fault('DEVICE_REVOKED', {
    subject: name,
    expected: `a checkpoint that was seen here before ${writer} was revoked`,
    found: `another one by ${writer}`,
    hint: `on the host that revoked ${writer}, run \`godwit rekey ${name} --full\` or resume it there${back}`,
  });
}
