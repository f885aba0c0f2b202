import { Fault, type Clock, type Random } from '@godwit/base';
import { reached, type Database, type Trx } from '../database/database.ts';
import { Renewals } from './renewals.ts';

/**
 * Of the coordinators on one database the one that started last keeps the strict leases: only its memory of renewals counts. It says so in
 * the database before its memory begins; from then on the others renew, grant and end none (docs/decisions/0011).
 */
export async function beginRenewals(db: Database, clock: Clock, random: Random): Promise<Renewals> {
  const keeper = random(16).toString('hex');
  await reached(() => db.updateTable('coordinator').set({ lease_keeper: keeper }).execute());
  return new Renewals(clock, keeper);
}

/** Until the transaction ends no other coordinator begins to keep them. Throws LEASES_KEPT_ELSEWHERE. */
export async function requireKeeper(trx: Trx, { keeper }: Renewals): Promise<void> {
  const row = await trx.selectFrom('coordinator').select('lease_keeper').forShare().executeTakeFirst();
  if (row?.lease_keeper !== keeper) throw new Fault('LEASES_KEPT_ELSEWHERE');
}
