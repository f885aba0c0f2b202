import { sql, type Kysely } from 'kysely';

/** When and from where a machine asked to join, as the coordinator saw it, and what it says of itself. Joins that wait now began before anybody looked. */
export async function addJoinFacts(db: Kysely<unknown>): Promise<void> {
  await sql`alter table joins add column asked_at timestamptz not null default now(), add column address text not null default 'unknown', add column system text not null default ''`.execute(db);
}
