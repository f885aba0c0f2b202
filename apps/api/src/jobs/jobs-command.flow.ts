import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, silentLog } from '@godwit/base';
import { openDatabase } from '../database/database.ts';
import { firstAdmin } from '../testing/browser.ts';
import { rowsOf } from '../testing/rows.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { raiseStage } from '../testing/stage.ts';
import { AskedJobs } from './asked-jobs.ts';
import { attemptsMax } from './attempts.ts';
import { recordRun } from './job-runs.ts';
import { jobsCommand, jobsUsage } from './jobs-command.ts';

const pace = { everyMs: 600_000, againMs: 5_000 };

describe('godwit-coordinator jobs', () => {
  test('says how each job stands, and has one that was given up tried again or put away, on record', async () => {
    const databaseUrl = await newDatabaseUrl();
    await using stage = await raiseStage({ databaseUrl, upkeep: { askedEveryMs: 20 } });
    const ask = (...words: string[]): Promise<string> => jobsCommand(words, { DATABASE_URL: databaseUrl }, false);
    equal(await ask(), 'JOB  LAST  TOOK  DUE  LAST DONE  STATE\n');
    const db = openDatabase({ url: databaseUrl }, silentLog);
    try {
      await recordRun(db, { job: 'prune', replica: 'a', attempt: 1, pace }, () => Promise.resolve({ objects: 2 }));
      await rejects(recordRun(db, { job: 'prune', replica: 'a', attempt: 1, pace }, () => Promise.reject(new Fault('STORE_FULL'))));
      for (const job of ['scrub', 'measure']) await rejects(recordRun(db, { job, replica: 'a', attempt: attemptsMax, pace }, () => Promise.reject(new Fault('STORE_FULL'))));
    } finally {
      await db.destroy();
    }
    const lines = (await ask('--json')).trim().split('\n').map((line) => JSON.parse(line) as { job: string; state: string; startedMs: number; endedMs: number; doneMs: number | null; againMs: number; givenUp: { times: number } | null });
    deepEqual(lines.map(({ job, state, givenUp }) => [job, state, givenUp?.times]), [['measure', 'failed', 1], ['prune', 'failed', undefined], ['scrub', 'failed', 1]]);
    const [measure, prune] = lines as [typeof lines[number], typeof lines[number]];
    deepEqual([Math.round(prune.againMs - prune.endedMs), Math.round(measure.againMs - measure.endedMs), measure.doneMs], [pace.againMs, pace.everyMs, null]);
    ok(prune.doneMs! <= prune.startedMs);
    match(await ask(), /^prune +[0-9]+ s ago +[0-9.]+ s .* ago +failed: STORE_FULL: /m);
    match(await ask(), /^scrub .* never +failed, given up: STORE_FULL: /m);
    equal(await ask('retry', 'scrub'), 'scrub is tried again within five seconds; see: godwit-coordinator jobs\n');
    // The coordinator that runs finds it, and it ends well now.
    while ((await rowsOf(databaseUrl, `select 1 from dead_letters where job = 'scrub'`)).length > 0) await sleep(10);
    equal(await ask('put-away', 'measure', '--json'), '{"job":"measure","putAway":true}\n');
    for (const act of ['retry', 'put-away']) await rejects(ask(act, 'measure'), { code: 'DEAD_LETTER_NOT_FOUND' });
    const ada = await firstAdmin(stage.coordinator);
    const acts = (await ada.ask('listOperatorActs')).acts.filter(({ act }) => act.startsWith('job-'));
    deepEqual(acts.map(({ operatorName, act, subject }) => [operatorName, act, subject]), [[null, 'job-put-away', 'measure'], [null, 'job-retried', 'scrub']]);
    deepEqual((await ada.ask('readStore')).deadLetters, []);
  });

  test('what was asked for is begun by one of those who look, and by another when that one cannot', async () => {
    const databaseUrl = await newDatabaseUrl();
    await using stage = await raiseStage({ databaseUrl, upkeep: { askedEveryMs: 2_000_000_000 } });
    await rowsOf(databaseUrl, `insert into dead_letters (job, fault) values ('scrub', 'STORE_FULL: full')`);
    await jobsCommand(['retry', 'scrub'], { DATABASE_URL: databaseUrl }, false);
    const { asked } = (await (await firstAdmin(stage.coordinator)).ask('readStore')).deadLetters[0]!;
    equal(asked?.operatorName, "whoever has the coordinator's machine");
    const db = openDatabase({ url: databaseUrl }, silentLog);
    const begun: string[] = [];
    let fails = 2;
    const begin = async (job: string): Promise<void> => {
      if (fails-- > 0) throw new Fault('REDIS_UNAVAILABLE');
      begun.push(job);
    };
    const looking = [1, 2, 3].map(() => new AskedJobs(db, { begin }, 5, silentLog));
    while (begun.length === 0) await sleep(5);
    await Promise.all(looking.map((each) => each.close()));
    deepEqual(begun, ['scrub']);
    deepEqual(await rowsOf(databaseUrl, 'select wanted from dead_letters'), [{ wanted: false }]);
    await db.destroy();
  });

  for (const words of [['retry'], ['retry', 'Scrub'], ['put-away', 'scrub', 'prune'], ['list'], ['drop', 'scrub'], ['--force']]) {
    test(`${words.join(' ')} is refused before anything is asked`, () => rejects(jobsCommand(words, { DATABASE_URL: 'postgresql:///nowhere?host=/nowhere' }, false), { code: 'COORDINATOR_OPTIONS' }));
  }

  test('says what it is for', async () => equal(await jobsCommand(['--help'], {}, false), jobsUsage));
});
