import { Fault, type DesktopId } from '@godwit/base';
import { openOfflinePolicy, sha256 } from '@godwit/crypto';
import { record } from '../audit/record.ts';
import type { Trx } from '../database/database.ts';
import type { Caller } from '../http/caller.ts';
import { requireKeeper } from './lease-keepers.ts';
import { allowed, lockLease, requireCurrent } from './lease.transitions.ts';
import { findOfflinePolicy } from './offline-policies.ts';
import type { Renewals } from './renewals.ts';

/**
 * The caller's own policy becomes the one that counts: from the next epoch on, and at once when the caller holds the desktop. POLICY_INVALID,
 * SIGNATURE_INVALID, POLICY_OUTDATED, DESKTOP_HELD_ELSEWHERE. Repeating it changes nothing.
 */
export async function saveOfflinePolicy(trx: Trx, caller: Caller, desktopId: DesktopId, bytes: Buffer, renewals: Renewals): Promise<void> {
  const { accountId, hostId } = caller;
  const policy = openOfflinePolicy(bytes, caller.signPublic);
  if (policy.desktopId !== desktopId || policy.hostId !== hostId) throw new Fault('POLICY_INVALID', { expected: `a policy of host ${hostId} for desktop ${desktopId}`, found: `host ${policy.hostId}, desktop ${policy.desktopId}` });
  await requireCurrent(trx, caller);
  const lease = await lockLease(trx, accountId, desktopId);
  await allowed(trx, lease, { type: 'policy', host: hostId });
  const before = await findOfflinePolicy(trx, accountId, desktopId);
  if (before?.bytes.equals(bytes) !== true) {
    if (before !== undefined && before.signedMs >= policy.signedMs) throw new Fault('POLICY_OUTDATED', { expected: `one signed after ${new Date(before.signedMs).toISOString()}`, found: new Date(policy.signedMs).toISOString() });
    const stored = { bytes, host_id: hostId, signed_ms: policy.signedMs };
    await trx
      .insertInto('offline_policies')
      .values({ account_id: accountId, desktop_id: desktopId, ...stored })
      .onConflict((on) => on.columns(['account_id', 'desktop_id']).doUpdateSet(stored))
      .execute();
    await record(trx, { accountId, kind: 'offline-policy-saved', hostId, desktopId, detail: { mode: policy.mode }, leaf: { digest: sha256(bytes) } });
  }
  if (!lease.held) return;
  // The holder's first deadline is counted from before it sent this.
  if (policy.mode === 'stop') await requireKeeper(trx, renewals);
  if (policy.mode === 'stop') renewals.note({ accountId, desktopId }, lease.epoch);
  await trx.updateTable('desktops').set({ offline: policy.mode }).where('account_id', '=', accountId).where('desktop_id', '=', desktopId).where('offline', '<>', policy.mode).execute();
}
