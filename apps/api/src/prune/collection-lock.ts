import { sql } from 'kysely';
import type { AccountId } from '@godwit/base';
import type { Trx } from '../database/database.ts';

/**
 * Commits of an account go side by side; collection waits for them and they for it. Held to the end of the transaction.
 * So a collection sees every reference that there is, and a commit sees every object that is about to go.
 *
 * Advisory locks on ("GWCO", first 4 bytes of the account id): two accounts that share these wait for each other and nothing else.
 */
const lockClass = 0x47_57_43_4f;

export async function lockForCommit(trx: Trx, accountId: AccountId): Promise<void> {
  await sql`select pg_advisory_xact_lock_shared(${lockClass}, ${lockKey(accountId)})`.execute(trx);
}

export async function lockForCollection(trx: Trx, accountId: AccountId): Promise<void> {
  await sql`select pg_advisory_xact_lock(${lockClass}, ${lockKey(accountId)})`.execute(trx);
}

function lockKey(accountId: AccountId): number {
  return Buffer.from(accountId, 'hex').readInt32BE(0);
}
