import { sql } from 'kysely';
import { Fault } from '@godwit/base';
import { inSpan } from '@godwit/base/trace';
import type { JobRun } from '@godwit/wire';
import { reached, type Database, type Queries } from '../database/database.ts';
import type { Bus } from '../replicas/bus.ts';

/** Runs kept of one job: at a round every ten minutes about a month. */
const runsPerJob = 4_500;

/** Runs `work` as one run of `job` on record: when, with which figures, and the fault that ended it, which is thrown on. */
export async function recordRun(db: Database, { job, replica }: { readonly job: string; readonly replica: string }, work: () => Promise<Record<string, number>>): Promise<void> {
  const { run_id: runId } = await reached(() => db.insertInto('job_runs').values({ job, replica, state: 'running', fault: null }).returning('run_id').executeTakeFirstOrThrow());
  const end = (state: 'done' | 'failed', figures: Record<string, number>, fault: string | null): Promise<unknown> =>
    reached(() => db.updateTable('job_runs').set({ state, figures: JSON.stringify(figures), fault, ended_at: sql<Date>`clock_timestamp()` }).where('run_id', '=', runId).execute());
  let figures;
  try {
    figures = await inSpan(`job ${job}`, { attributes: { 'godwit.job': job } }, work);
  } catch (error) {
    const fault = Fault.from(error);
    await end('failed', {}, `${fault.code}: ${fault.message}`.slice(0, 500));
    throw error;
  }
  await end('done', figures, null);
  await reached(() => sql`
    delete from job_runs where job = ${job} and run_id <= (select run_id from job_runs where job = ${job} order by run_id desc offset ${runsPerJob} limit 1)`.execute(db));
}

/** Ends the runs of coordinators that are gone. How many there were; none as long as it may not have heard of all that are there. */
export async function closeRuns(db: Database, { replica, others, hearsAll }: Pick<Bus, 'replica' | 'others' | 'hearsAll'>): Promise<number> {
  if (!hearsAll) return 0;
  const closed = await reached(() => sql`
    update job_runs set state = 'failed', ended_at = clock_timestamp(), fault = 'the coordinator ended before the run did'
    where state = 'running' and (replica is null or replica <> all(${[replica, ...others]}::text[]))`.execute(db));
  return Number(closed.numAffectedRows ?? 0);
}

/** Newest first. */
export async function readRuns(db: Queries, most: number): Promise<JobRun[]> {
  const rows = await reached(() => db.selectFrom('job_runs').selectAll().orderBy('run_id', 'desc').limit(most).execute());
  return rows.map((row) => ({
    job: row.job,
    startedMs: row.started_at.getTime(),
    endedMs: row.ended_at?.getTime() ?? null,
    state: row.state,
    figures: row.figures,
    fault: row.fault,
  }));
}

export interface FailedJob {
  readonly job: string;
  readonly fault: string;
  /** When the first of the failures in a row ended. */
  readonly sinceMs: number;
}

/** The jobs whose newest run that has ended failed. */
export async function readFailedJobs(db: Queries): Promise<FailedJob[]> {
  const { rows } = await reached(() => sql<{ job: string; fault: string | null; since: Date }>`
    with recursive jobs (job) as (
      (select job from job_runs order by job limit 1)
      union all select (select j.job from job_runs j where j.job > jobs.job order by j.job limit 1) from jobs where jobs.job is not null
    )
    select jobs.job, newest.fault, (
      select min(f.ended_at) from job_runs f where f.job = jobs.job and f.state = 'failed'
        and f.run_id > coalesce((select max(g.run_id) from job_runs g where g.job = jobs.job and g.state = 'done'), 0)) as since
    from jobs cross join lateral (select state, fault from job_runs r where r.job = jobs.job and r.ended_at is not null order by run_id desc limit 1) newest
    where jobs.job is not null and newest.state = 'failed'`.execute(db));
  return rows.map(({ job, fault, since }) => ({ job, fault: fault ?? 'an error', sinceMs: since.getTime() }));
}
