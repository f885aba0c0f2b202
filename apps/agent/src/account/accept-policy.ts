import { Fault, type DesktopId } from '@godwit/base';
import { openOfflinePolicy, signerOfOfflinePolicy } from '@godwit/crypto';
import { bytesOf, type OfflineMode } from '@godwit/wire';
import type { Account } from './account.ts';

/** Under what a desktop is held here. */
export interface AcceptedPolicy {
  readonly offline: OfflineMode;
  /** When it was signed, and by whom; 0 and null: nobody did. */
  readonly offlineSignedMs: number;
  readonly signedBy: string | null;
}

/** What the coordinator shows: under what the epoch is held (null: it is not), and the policy that says so. */
export interface ShownPolicy {
  readonly offline: OfflineMode | null;
  readonly offlinePolicy: string | null;
}

/**
 * Judges what the coordinator says about running without it, and remembers it. What counts is what a device of the account signed:
 *
 * - A policy that this host has seen is not followed by an older one, by another one of the same time, or by none: POLICY_OUTDATED, POLICY_INVALID.
 * - `keep` from a coordinator whose own policy says `stop` is refused (POLICY_INVALID): it would let somebody take over while the guest runs by right.
 * - `stop` is obeyed without a policy, and against one that says `keep`: it can only cost time, which the coordinator can cost in other ways.
 * - A policy has no place in the device chain, so what a revoked device signed may be of any date. Seen here before it stays as it is. Not seen
 *   here, its `stop` is obeyed; its `keep` is worth as much as no policy, which lifts no `stop` that was seen. Neither is remembered.
 *
 * After `refreshChain`. Throws also SIGNATURE_INVALID, DEVICE_UNKNOWN.
 */
export async function acceptPolicy({ chain, policies }: Account, desktop: { readonly desktopId: DesktopId; readonly name: string }, shown: ShownPolicy): Promise<AcceptedPolicy> {
  const { desktopId, name } = desktop;
  const seen = policies.seen(desktopId);
  const text = shown.offlinePolicy;
  if (text === null) {
    if (seen !== undefined) throw new Fault('POLICY_OUTDATED', { subject: name, expected: `the policy of ${timeText(seen.signedMs)}, --offline ${seen.mode}`, found: 'none' });
    return { offline: shown.offline ?? 'keep', offlineSignedMs: 0, signedBy: null };
  }
  const bytes = bytesOf(text);
  const signer = chain.state.devices.get(signerOfOfflinePolicy(bytes));
  if (signer === undefined) throw new Fault('DEVICE_UNKNOWN', { subject: signerOfOfflinePolicy(bytes) });
  const policy = openOfflinePolicy(bytes, signer.device.signPublic);
  if (policy.desktopId !== desktopId) throw new Fault('POLICY_INVALID', { subject: name, expected: `desktop ${desktopId}`, found: policy.desktopId });
  if (policy.mode === 'stop' && shown.offline === 'keep') throw new Fault('POLICY_INVALID', { subject: name, expected: '--offline stop, as is signed', found: 'keep' });
  const known = seen?.policy === text;
  if (seen !== undefined && !known) {
    const expected = `the policy of ${timeText(seen.signedMs)}, --offline ${seen.mode}`;
    if (policy.signedMs < seen.signedMs) throw new Fault('POLICY_OUTDATED', { subject: name, expected, found: `one of ${timeText(policy.signedMs)}` });
    if (policy.signedMs === seen.signedMs) throw new Fault('POLICY_INVALID', { subject: name, expected, found: 'another one of the same time' });
  }
  // Against a signed `keep` the coordinator's `stop` is obeyed; the other way round was refused above.
  const accepted = { offline: shown.offline ?? policy.mode, offlineSignedMs: policy.signedMs, signedBy: signer.name };
  if (signer.revokedAt !== undefined && !known) {
    if (seen?.mode === 'stop' && policy.mode === 'keep') throw new Fault('POLICY_INVALID', { subject: name, expected: 'a policy by a host of the account', found: `one by ${signer.name}, which was revoked`, hint: `sign it again with \`godwit policy ${name} --offline keep\`` });
    return { ...accepted, offlineSignedMs: seen?.signedMs ?? 0 };
  }
  await policies.remember(desktopId, { mode: policy.mode, signedMs: policy.signedMs, policy: text });
  return accepted;
}

function timeText(wallMs: number): string {
  // A signer's clock may say anything; a date that JavaScript cannot tell is told as the number it is.
  return wallMs <= 8.64e15 ? new Date(wallMs).toISOString() : `${wallMs} ms`;
}
