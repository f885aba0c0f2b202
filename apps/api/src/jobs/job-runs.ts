import { sql, type Selectable } from 'kysely';
import { Fault } from '@godwit/base';
import { inSpan } from '@godwit/base/trace';
import type { JobRun } from '@godwit/wire';
import { inTransaction, reached, type Database, type Queries, type Trx } from '../database/database.ts';
import type { JobRunsTable } from '../database/schema.ts';
import type { Bus } from '../replicas/bus.ts';
import { attemptsMax, untilNextMs, type Pace } from './attempts.ts';
import { bury, mend } from './dead-letters.ts';

/** Runs kept of one job: at a round every ten minutes about a month. */
const runsPerJob = 4_500;
const faultMax = 500;

interface Try {
  readonly job: string;
  readonly replica: string;
  /** The first of a round is 1; after the one with number `attemptsMax` the job is given up. */
  readonly attempt: number;
  readonly pace: Pace;
}

/** Runs `work` as one run of `job` on record: when, with which figures, and the fault that ended it, which is thrown on. */
export async function recordRun(db: Database, { job, replica, attempt, pace }: Try, work: () => Promise<Record<string, number>>): Promise<void> {
  const { run_id: runId } = await reached(() => db.insertInto('job_runs').values({ job, replica, state: 'running', fault: null }).returning('run_id').executeTakeFirstOrThrow());
  const end = async (trx: Trx, state: 'done' | 'failed', figures: Record<string, number>, fault: string | null): Promise<void> => {
    const againAt = sql<Date>`statement_timestamp() + make_interval(secs => ${untilNextMs(pace, job, state === 'done' ? 0 : attempt) / 1000})`;
    await trx.updateTable('job_runs').set({ state, figures: JSON.stringify(figures), fault, ended_at: sql<Date>`statement_timestamp()`, again_at: againAt }).where('run_id', '=', runId).execute();
    await sql`delete from job_runs where job = ${job} and run_id <= (select run_id from job_runs where job = ${job} order by run_id desc offset ${runsPerJob} limit 1)`.execute(trx);
  };
  let figures: Record<string, number>;
  try {
    figures = await inSpan(`job ${job}`, { attributes: { 'godwit.job': job, 'godwit.attempt': attempt } }, work);
  } catch (error) {
    const { code, message } = Fault.from(error);
    const fault = `${code}: ${message}`.slice(0, faultMax);
    await inTransaction(db, async (trx) => {
      await end(trx, 'failed', {}, fault);
      if (attempt >= attemptsMax) await bury(trx, job, fault);
    });
    throw error;
  }
  await inTransaction(db, async (trx) => {
    await end(trx, 'done', figures, null);
    await mend(trx, job);
  });
}

const cutOff = 'the coordinator ended before the run did';

/**
 * Ends the runs of coordinators that are gone. How many there were; none as long as it may not have heard of all that are there. A job that ended its
 * coordinator too often in a row is given up as one that failed.
 */
export async function closeRuns(db: Database, { replica, others, hearsAll }: Pick<Bus, 'replica' | 'others' | 'hearsAll'>): Promise<number> {
  if (!hearsAll) return 0;
  return inTransaction(db, async (trx) => {
    const { rows } = await sql<{ job: string }>`
      update job_runs set state = 'failed', ended_at = clock_timestamp(), fault = ${cutOff}
      where state = 'running' and (replica is null or replica <> all(${[replica, ...others]}::text[])) returning job`.execute(trx);
    for (const job of new Set(rows.map((row) => row.job))) if ((await countFailed(trx, job)) >= attemptsMax) await bury(trx, job, cutOff);
    return rows.length;
  });
}

/** How many of its newest runs failed in a row. */
async function countFailed(trx: Trx, job: string): Promise<number> {
  const { rows: [row] } = await sql<{ failed: number }>`
    select count(*) as failed from job_runs where job = ${job} and state = 'failed'
      and run_id > coalesce((select max(run_id) from job_runs where job = ${job} and state = 'done'), 0)`.execute(trx);
  return row?.failed ?? 0;
}

/** How long ago the newest run of each job ended, where it ended well; the others are left out. Milliseconds by the database's clock. */
export async function readDoneAgoMs(db: Queries): Promise<ReadonlyMap<string, number>> {
  const { rows } = await reached(() => sql<{ job: string; ago_ms: number }>`
    with recursive ${jobNames}
    select jobs.job, extract(epoch from clock_timestamp() - newest.ended_at)::float8 * 1000 as ago_ms
    from jobs cross join lateral (select state, ended_at from job_runs r where r.job = jobs.job order by run_id desc limit 1) newest
    where newest.state = 'done'`.execute(db));
  return new Map(rows.map(({ job, ago_ms: agoMs }) => [job, agoMs]));
}

/** The jobs that there is a run of, from the index alone. */
const jobNames = sql`jobs (job) as (
  (select job from job_runs order by job limit 1)
  union all select (select j.job from job_runs j where j.job > jobs.job order by j.job limit 1) from jobs where jobs.job is not null
)`;

/** So many of the newest of each job: one that is run often leaves room for the others. */
const runsShown = 10;

/** Newest first. */
export async function readRuns(db: Queries, most: number): Promise<JobRun[]> {
  const { rows } = await reached(() => sql<Selectable<JobRunsTable>>`
    with recursive ${jobNames}
    select newest.* from jobs cross join lateral (select * from job_runs r where r.job = jobs.job order by run_id desc limit ${runsShown}) newest order by run_id desc limit ${most}`.execute(db));
  return rows.map(runOf);
}

/** How a job stands: its newest run, and when one ended well. Times in milliseconds since 1970 by the database's clock. */
export interface NewestRun extends JobRun {
  readonly doneMs: number | null;
  /** When it is due again; null while it runs, and where it was cut off. */
  readonly againMs: number | null;
}

/** One for each job that was ever run, by name. */
export async function readNewestRuns(db: Queries): Promise<NewestRun[]> {
  const { rows } = await reached(() => sql<Selectable<JobRunsTable> & { done_at: Date | null }>`
    with recursive ${jobNames}
    select newest.*, (select ended_at from job_runs r where r.job = jobs.job and r.state = 'done' order by run_id desc limit 1) as done_at
    from jobs cross join lateral (select * from job_runs r where r.job = jobs.job order by run_id desc limit 1) newest order by newest.job`.execute(db));
  return rows.map((row) => ({ ...runOf(row), doneMs: row.done_at?.getTime() ?? null, againMs: row.again_at?.getTime() ?? null }));
}

function runOf(row: Selectable<JobRunsTable>): JobRun {
  return { job: row.job, startedMs: row.started_at.getTime(), endedMs: row.ended_at?.getTime() ?? null, state: row.state, figures: row.figures, fault: row.fault };
}
