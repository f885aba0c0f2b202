import { sql, type Kysely } from 'kysely';

/** Jobs that were given up: one row each, gone when a round of it ends well or an operator puts it away. */
export async function addDeadLetters(db: Kysely<unknown>): Promise<void> {
  await sql.raw(statement).execute(db);
}

const statement = `create table dead_letters (
  job text primary key,
  fault text not null,
  times integer not null default 1,
  first_at timestamptz not null default clock_timestamp(),
  last_at timestamptz not null default clock_timestamp(),
  asked_at timestamptz,
  asked_by text
)`;
