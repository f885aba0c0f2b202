import { sql, type Kysely } from 'kysely';

/** What somebody takes care of, of the list of what needs a person: as many rows as that is long at the most. */
export async function addAcknowledged(db: Kysely<unknown>): Promise<void> {
  await sql.raw(statement).execute(db);
}

const statement = `create table attention_acknowledged (
  attention_id text primary key,
  operator_name text not null,
  severity text not null check (severity in ('low', 'medium', 'high')),
  acknowledged_at timestamptz not null default clock_timestamp()
)`;
