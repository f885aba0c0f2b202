import { sql, type Kysely } from 'kysely';

/**
 * Several coordinators on one database: which of their memories of renewals count (leases/lease-keepers.ts), and which of them runs a job. A
 * coordinator of the version before renews no strict lease as soon as one of this version has started, which empties `lease_keeper`.
 */
export async function addReplicas(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `alter table coordinator add column lease_keepers text[] not null default '{}'`,
  `alter table coordinator add column lease_keepers_ended bigint not null default 0`,
  `alter table job_runs add column replica text`,
];
