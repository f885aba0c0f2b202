import { sql } from 'kysely';
import { Fault } from '@godwit/base';
import { decodeLeaf, type AuditLeaf } from '@godwit/crypto';
import type { OperatorAudit } from '@godwit/wire';
import type { Queries } from '../database/database.ts';

/** What the hosts and desktops that leaves mention are called now; two look-ups by primary key, however long the lists are that they stand in. */
export async function namesIn(db: Queries, leaves: readonly Buffer[]): Promise<OperatorAudit['names']> {
  const read = leaves.flatMap((bytes) => leafIn(bytes));
  const hosts = new Set(read.flatMap(({ hostId, subject }) => [hostId, subject].filter((id) => id !== null)));
  const desktops = read.flatMap(({ accountId, desktopId, subject }) => [desktopId, subject].flatMap((id) => (id === null ? [] : [{ accountId, id }])));
  const { rows } = await sql<{ id: string; name: string }>`
    select host_id as id, name from hosts where host_id = any(${[...hosts]}::uuid[])
    union
    select desktop_id, name from desktops where (account_id, desktop_id) in (select * from unnest(${desktops.map(({ accountId }) => accountId)}::uuid[], ${desktops.map(({ id }) => id)}::uuid[]))`.execute(db);
  return rows.map(({ id, name }) => ({ id, name }));
}

/** None in what is damaged: the browser will say that. */
function leafIn(bytes: Buffer): AuditLeaf[] {
  try {
    return [decodeLeaf(bytes)];
  } catch (error) {
    if (error instanceof Fault) return [];
    throw error;
  }
}
