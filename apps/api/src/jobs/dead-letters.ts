import { sql } from 'kysely';
import { Fault } from '@godwit/base';
import type { DeadLetter } from '@godwit/wire';
import { reached, type Queries, type Trx } from '../database/database.ts';

/**
 * What became of rounds that were tried to no end. In the database whoever ran them, so a Redis that lost its memory forgets none. There is one row
 * for a job: its next round may mend it, and then it is gone.
 */

/** The job's round was given up, with this fault. */
export async function bury(trx: Trx, job: string, fault: string): Promise<void> {
  await sql`
    insert into dead_letters (job, fault) values (${job}, ${fault})
    on conflict (job) do update set fault = excluded.fault, times = dead_letters.times + 1, last_at = clock_timestamp(), asked_at = null, asked_by = null`.execute(trx);
}

/** A round of the job ended well. */
export async function mend(trx: Trx, job: string): Promise<void> {
  await trx.deleteFrom('dead_letters').where('job', '=', job).execute();
}

/** Longest dead first. */
export async function readDeadLetters(db: Queries): Promise<DeadLetter[]> {
  const rows = await reached(() => db.selectFrom('dead_letters').selectAll().orderBy('first_at').orderBy('job').execute());
  return rows.map((row) => ({
    job: row.job,
    fault: row.fault,
    times: row.times,
    firstMs: row.first_at.getTime(),
    lastMs: row.last_at.getTime(),
    asked: row.asked_at === null || row.asked_by === null ? null : { timeMs: row.asked_at.getTime(), operatorName: row.asked_by },
  }));
}

/** `wanted`: some coordinator is to begin it, as soon as it looks. Throws DEAD_LETTER_NOT_FOUND. */
export async function noteAsked(trx: Trx, job: string, operatorName: string, wanted: boolean): Promise<void> {
  const { numUpdatedRows } = await trx.updateTable('dead_letters').set({ asked_at: sql<Date>`clock_timestamp()`, asked_by: operatorName, wanted }).where('job', '=', job).executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) throw new Fault('DEAD_LETTER_NOT_FOUND', { subject: job });
}

/** What was known of it. Throws DEAD_LETTER_NOT_FOUND. */
export async function putAway(trx: Trx, job: string): Promise<string> {
  const gone = await trx.deleteFrom('dead_letters').where('job', '=', job).returning('fault').executeTakeFirst();
  if (gone === undefined) throw new Fault('DEAD_LETTER_NOT_FOUND', { subject: job });
  return gone.fault;
}

/** The jobs that somebody has to begin, who takes it upon them by asking: nobody else is told of these. */
export async function takeWanted(db: Queries): Promise<string[]> {
  const rows = await reached(() => db.updateTable('dead_letters').set({ wanted: false }).where('wanted', '=', true).returning('job').execute());
  return rows.map(({ job }) => job);
}

/** What was taken could not be begun. */
export async function wantAgain(db: Queries, job: string): Promise<void> {
  await reached(() => db.updateTable('dead_letters').set({ wanted: true }).where('job', '=', job).execute());
}
