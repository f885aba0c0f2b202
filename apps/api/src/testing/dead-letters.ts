import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningCoordinator } from '../coordinator.ts';
import { firstAdmin, type TestBrowser } from './browser.ts';
import { rowsOf } from './rows.ts';

const dead = async (browser: TestBrowser): Promise<string[]> => (await browser.ask('readStore')).deadLetters.map(({ job }) => job);

/** What operators see and do about jobs that were given up, at a coordinator whose own rounds are far away. */
export async function careForDeadLetters(coordinator: RunningCoordinator, databaseUrl: string): Promise<void> {
  const ada = await firstAdmin(coordinator);
  deepEqual(await dead(ada), []);
  await rowsOf(databaseUrl, `insert into dead_letters (job, fault, first_at) values ('scrub', 'STORE_UNAVAILABLE: away', now() - interval '1 hour'), ('measure', 'INTERNAL: broken', now())`);
  deepEqual(await dead(ada), ['scrub', 'measure']);
  deepEqual((await ada.ask('readOverview')).attention.map(({ id }) => id), ['JOB_FAILED:scrub', 'JOB_FAILED:measure']);
  const viewer = await ada.bring('Vic', 'viewer');
  deepEqual(await dead(viewer), ['scrub', 'measure']);
  await rejects(viewer.ask('retryJob', { params: { job: 'scrub' } }), { code: 'ROLE_TOO_LOW' });
  await rejects(viewer.ask('putAwayJob', { params: { job: 'scrub' } }), { code: 'ROLE_TOO_LOW' });
  const bob = await ada.bring('Bob', 'operator');
  await bob.ask('retryJob', { params: { job: 'scrub' } });
  // It ends well now, and that is what takes it away.
  while ((await dead(ada)).includes('scrub')) await sleep(50);
  const runs = await rowsOf<{ state: string }>(databaseUrl, `select state from job_runs where job = 'scrub'`);
  deepEqual(runs, [{ state: 'done' }]);
  await bob.ask('putAwayJob', { params: { job: 'measure' } });
  deepEqual(await dead(ada), []);
  equal((await rowsOf(databaseUrl, `select 1 from job_runs where job = 'measure'`)).length, 0);
  for (const route of ['retryJob', 'putAwayJob'] as const) await rejects(bob.ask(route, { params: { job: 'measure' } }), { code: 'DEAD_LETTER_NOT_FOUND' });
  const acts = (await ada.ask('listOperatorActs')).acts.filter(({ act }) => act.startsWith('job-'));
  deepEqual(acts.map(({ operatorName, act, subject }) => [operatorName, act, subject]), [['Bob', 'job-put-away', 'measure'], ['Bob', 'job-retried', 'scrub']]);
  equal(acts[0]!.detail['fault'], 'INTERNAL: broken');
}

/** A job that cannot be done is given up, by a coordinator whose rounds and pauses are short, and is no more as soon as it can be. */
export async function breakAndMend(databaseUrl: string): Promise<void> {
  const letters = (): Promise<{ job: string; fault: string }[]> => rowsOf(databaseUrl, 'select job, fault from dead_letters');
  await rowsOf(databaseUrl, 'alter table store_days rename to store_days_elsewhere');
  while ((await letters()).length === 0) await sleep(50);
  const [letter, ...others] = await letters();
  deepEqual([letter?.job, others], ['measure', []]);
  match(letter?.fault ?? '', /^INTERNAL: /);
  const [row] = await rowsOf<{ failed: number }>(databaseUrl, `select count(*)::int as failed from job_runs where job = 'measure' and state = 'failed'`);
  // Its rounds go on, so there may be more by now.
  equal((row?.failed ?? 0) >= 5, true);
  await rowsOf(databaseUrl, 'alter table store_days_elsewhere rename to store_days');
  while ((await letters()).length > 0) await sleep(50);
}
