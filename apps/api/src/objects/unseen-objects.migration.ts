import { sql, type Kysely } from 'kysely';

/** Objects that hosts put into a bucket by themselves are on record before they are there. All others are there when they get their row. */
export async function addUnseenObjects(db: Kysely<unknown>): Promise<void> {
  await sql.raw(`alter table objects add column stored boolean not null default true`).execute(db);
}
