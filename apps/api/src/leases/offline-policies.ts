import type { AccountId, DesktopId } from '@godwit/base';
import { openOfflinePolicy, type OfflinePolicy } from '@godwit/crypto';
import type { Queries } from '../database/database.ts';

export type StoredOfflinePolicy = OfflinePolicy & { readonly bytes: Buffer };

/** The desktop's policy as its signer meant it; undefined: nobody signed one, which is `keep`. */
export async function findOfflinePolicy(db: Queries, accountId: AccountId, desktopId: DesktopId): Promise<StoredOfflinePolicy | undefined> {
  const row = await db
    .selectFrom('offline_policies')
    .innerJoin('hosts', 'hosts.host_id', 'offline_policies.host_id')
    .select(['offline_policies.bytes', 'hosts.sign_public'])
    .where('offline_policies.account_id', '=', accountId)
    .where('offline_policies.desktop_id', '=', desktopId)
    .executeTakeFirst();
  return row === undefined ? undefined : { ...openOfflinePolicy(row.bytes, row.sign_public), bytes: row.bytes };
}
