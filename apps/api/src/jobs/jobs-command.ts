import { parseArgs } from 'node:util';
import { Fault, printable, silentLog } from '@godwit/base';
import { jobName, type DeadLetter } from '@godwit/wire';
import { databaseNowMs } from '../database/database-clock.ts';
import { inTransaction, openDatabase, type Database, type DatabaseAddress } from '../database/database.ts';
import { recordAct } from '../operators/acts.ts';
import { databaseOf } from '../postgres/running.ts';
import { noteAsked, readDeadLetters } from './dead-letters.ts';
import { readNewestRuns, type NewestRun } from './job-runs.ts';
import { putJobAway } from './jobs.service.ts';

/** `godwit-coordinator jobs`: what the coordinator does by itself, and what becomes of a job that was given up, while the coordinator runs. */

export const jobsUsage = `usage: godwit-coordinator jobs [--data DIR] [--json]
       godwit-coordinator jobs retry NAME | put-away NAME [--data DIR] [--json]

  Says of each job when it was done last, how long that took, how it ended, and when it is due again; and which were
  given up: they failed five times in a row. retry has such a job begin anew within five seconds, put-away has it out of
  sight until it is given up again; both are on record. Run it on the coordinator's machine, as its user, while it runs.

  --data DIR    where the coordinator keeps everything (default: as for the coordinator itself)
  --json        print one line of JSON for each job
`;

interface Asked {
  readonly help: boolean;
  readonly json: boolean;
  readonly act: 'list' | 'retry' | 'put-away';
  /** Of the job that is acted on. */
  readonly job: string;
  readonly address: () => DatabaseAddress;
}

interface Shown extends NewestRun {
  readonly givenUp: DeadLetter | null;
}

/** By which name operators see who asked. */
const atTheMachine = "whoever has the coordinator's machine";

/** What is to be printed. Throws COORDINATOR_OPTIONS, DEAD_LETTER_NOT_FOUND, DATABASE_UNAVAILABLE, DATA_DIRECTORY_REFUSED. */
export async function jobsCommand(words: readonly string[], environment: NodeJS.ProcessEnv, isRoot: boolean): Promise<string> {
  const { help, json, act, job, address } = parse(words, environment, isRoot);
  if (help) return jobsUsage;
  const db = openDatabase(address(), silentLog);
  try {
    if (act === 'list') return await list(db, json);
    await inTransaction(db, async (trx) => {
      if (act === 'put-away') return putJobAway(trx, null, job);
      await noteAsked(trx, job, atTheMachine, true);
      await recordAct(trx, null, 'job-retried', { subject: job });
    });
    if (json) return `${JSON.stringify({ job, [act === 'retry' ? 'asked' : 'putAway']: true })}\n`;
    return act === 'retry' ? `${job} is tried again within five seconds; see: godwit-coordinator jobs\n` : `${job} is put away until it is given up again\n`;
  } finally {
    await db.destroy();
  }
}

function parse(words: readonly string[], environment: NodeJS.ProcessEnv, isRoot: boolean): Asked {
  const { values: { data, help = false, json = false }, positionals } = read(words);
  const [act = 'list', job = '', ...more] = positionals;
  const known = act === 'list' ? positionals.length === 0 : (act === 'retry' || act === 'put-away') && jobName.safeParse(job).success && more.length === 0;
  if (!help && !known) throw new Fault('COORDINATOR_OPTIONS', { subject: 'jobs', expected: 'nothing, retry NAME or put-away NAME', found: positionals.join(' '), hint: 'see `godwit-coordinator jobs --help`' });
  return { help, json, act: act as Asked['act'], job, address: () => databaseOf(data, environment, isRoot) };
}

function read(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], allowPositionals: true, options: { data: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
  } catch (error) {
    throw new Fault('COORDINATOR_OPTIONS', { found: error instanceof Error ? error.message : 'something else', hint: 'see `godwit-coordinator jobs --help`' });
  }
}

async function list(db: Database, json: boolean): Promise<string> {
  const [runs, letters, nowMs] = await Promise.all([readNewestRuns(db), readDeadLetters(db), databaseNowMs(db)]);
  const shown = runs.map((run) => ({ ...run, givenUp: letters.find(({ job }) => job === run.job) ?? null }));
  return json ? shown.map((each) => `${JSON.stringify(each)}\n`).join('') : tableOf(shown, nowMs);
}

function tableOf(shown: readonly Shown[], nowMs: number): string {
  const rows = [['JOB', 'LAST', 'TOOK', 'DUE', 'LAST DONE', 'STATE'], ...shown.map((each) => [each.job, `${age(nowMs - each.startedMs)} ago`, took(each), due(each, nowMs), each.doneMs === null ? 'never' : `${age(nowMs - each.doneMs)} ago`, stateOf(each)])];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()}\n`).join('');
}

function stateOf({ state, fault, givenUp }: Shown): string {
  if (givenUp === null) return fault === null ? state : `${state}: ${printable(fault)}`;
  const asked = givenUp.asked === null ? '' : `, asked for by ${printable(givenUp.asked.operatorName)}`;
  return `${state}, given up${givenUp.times === 1 ? '' : ` ${givenUp.times} times`}${asked}: ${printable(givenUp.fault)}`;
}

const took = ({ startedMs, endedMs }: NewestRun): string => (endedMs === null ? '' : `${((endedMs - startedMs) / 1000).toFixed(1)} s`);

function due({ state, againMs }: NewestRun, nowMs: number): string {
  if (state === 'running') return 'now';
  if (againMs === null) return '';
  return againMs > nowMs ? `in ${age(againMs - nowMs)}` : `${age(nowMs - againMs)} ago`;
}

function age(forMs: number): string {
  const seconds = Math.max(0, Math.round(forMs / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / (24 * 60))} d`;
}
