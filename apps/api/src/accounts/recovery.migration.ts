import { sql, type Kysely } from 'kysely';

/** The signer's id in a genesis (docs/keys.md, "Chain entry": 16 bytes from offset 68) is the recovery key's: who has only the words finds the account by it. */
export async function addRecovery(db: Kysely<unknown>): Promise<void> {
  await sql`create index accounts_by_recovery on chain_entries (substring(entry from 69 for 16)) where position = 0`.execute(db);
}
