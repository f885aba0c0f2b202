import { Fault, type AccountId, type DesktopId, type HostId } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { openPolicy, type RetentionPolicy } from '@godwit/snapshot';
import type { Queries, Trx } from '../database/database.ts';
import { record } from '../audit/record.ts';
import type { Caller } from '../http/caller.ts';

/** A policy that its signer, a current host of the account, stored. */
export interface StoredPolicy {
  readonly accountId: AccountId;
  readonly desktopId: DesktopId;
  readonly hostId: HostId;
  readonly signPublic: Buffer;
  readonly bytes: Buffer;
}

/** The caller's own policy for this desktop becomes the one that counts. POLICY_INVALID, SIGNATURE_INVALID, POLICY_OUTDATED. */
export async function savePolicy(trx: Trx, { accountId, hostId, signPublic }: Caller, desktopId: DesktopId, bytes: Buffer): Promise<void> {
  const policy = openPolicy(bytes, signPublic);
  if (policy.desktopId !== desktopId || policy.hostId !== hostId) throw new Fault('POLICY_INVALID', { expected: `a policy of host ${hostId} for desktop ${desktopId}`, found: `host ${policy.hostId}, desktop ${policy.desktopId}` });
  const before = await findPolicy(trx, accountId, desktopId);
  if (before?.bytes.equals(bytes) === true) return;
  if (before !== undefined && before.signedMs >= policy.signedMs) throw new Fault('POLICY_OUTDATED', { expected: `one signed after ${new Date(before.signedMs).toISOString()}`, found: new Date(policy.signedMs).toISOString() });
  const stored = { bytes, host_id: hostId, signed_ms: policy.signedMs };
  await trx
    .insertInto('policies')
    .values({ account_id: accountId, desktop_id: desktopId, ...stored })
    .onConflict((on) => on.columns(['account_id', 'desktop_id']).doUpdateSet(stored))
    .execute();
  const { last, hourly, daily } = policy;
  await record(trx, { accountId, kind: 'policy-saved', hostId, desktopId, detail: { last, hourly, daily }, leaf: { digest: sha256(bytes) } });
}

/** The desktop's policy as its signer meant it; undefined: everything is kept. */
export async function findPolicy(db: Queries, accountId: AccountId, desktopId: DesktopId): Promise<(RetentionPolicy & { readonly bytes: Buffer }) | undefined> {
  const row = await db
    .selectFrom('policies')
    .innerJoin('hosts', 'hosts.host_id', 'policies.host_id')
    .select(['policies.bytes', 'hosts.sign_public'])
    .where('policies.account_id', '=', accountId)
    .where('policies.desktop_id', '=', desktopId)
    .executeTakeFirst();
  return row === undefined ? undefined : { ...openPolicy(row.bytes, row.sign_public), bytes: row.bytes };
}

/** Those that may be applied without anybody asking: the policy of a host that was revoked waits for a user. */
export async function applicablePolicies(db: Queries): Promise<StoredPolicy[]> {
  const rows = await db
    .selectFrom('policies')
    .innerJoin('hosts', (join) => join.onRef('hosts.host_id', '=', 'policies.host_id').onRef('hosts.account_id', '=', 'policies.account_id'))
    .select(['policies.account_id', 'policies.desktop_id', 'policies.bytes', 'hosts.host_id', 'hosts.sign_public'])
    .where('hosts.current', '=', true)
    .orderBy('policies.account_id')
    .orderBy('policies.desktop_id')
    .execute();
  return rows.map((row) => ({ accountId: row.account_id, desktopId: row.desktop_id, hostId: row.host_id, signPublic: row.sign_public, bytes: row.bytes }));
}
