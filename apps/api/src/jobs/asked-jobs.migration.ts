import { sql, type Kysely } from 'kysely';

/** When a job is due again, for whoever asks past its coordinators, and who of them is to begin one at once. */
export async function addAskedJobs(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `alter table job_runs add column again_at timestamptz`,
  `alter table dead_letters add column wanted boolean not null default false`,
];
