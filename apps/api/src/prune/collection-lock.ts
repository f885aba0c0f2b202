import type { AccountId } from '@godwit/base';
import type { Trx } from '../database/database.ts';

/**
 * Collection has an account for itself, to the end of its transaction: it locks the account's row, behind which desktops and forks are made, and the
 * row of each desktop, which every commit locks anyway. So a commit takes no lock for this, commits of two desktops go side by side, a collection sees
 * every reference that there is, and a commit sees every object that is about to go.
 *
 * In the order in which everybody locks: account, host, desktop. Whoever calls this has locked none of them yet.
 */
export async function lockForCollection(trx: Trx, accountId: AccountId): Promise<void> {
  await trx.selectFrom('accounts').select('account_id').where('account_id', '=', accountId).forNoKeyUpdate().execute();
  await trx.selectFrom('desktops').select('desktop_id').where('account_id', '=', accountId).orderBy('desktop_id').forNoKeyUpdate().execute();
}
