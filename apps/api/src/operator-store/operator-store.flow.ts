import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import { Fault } from '@godwit/base';
import { attemptsMax } from '../jobs/attempts.ts';
import { closeRuns, readDoneAgoMs, recordRun } from '../jobs/job-runs.ts';
import { saveDesktop } from '../testing/lease-world.ts';
import { newStageBucket } from '../testing/stage-objects.ts';
import { enrol } from '../testing/stage.ts';
import { shown, Views } from '../testing/views.ts';

/** A bucket says nothing of what is free in it. */
const inBucket = newStageBucket() !== undefined;

const pace = { everyMs: 60_000, againMs: 5_000 };

describe('the store as operators see it', () => {
  it('counts what is needed and what is not, by desktop, with scrub, free room and how often a byte is used', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const { client } = await enrol(coordinator);
    const [one, two] = [await saveDesktop(client, coordinator), await saveDesktop(client, coordinator)];
    await sql`update objects set length_bytes = 900 where desktop_id = ${two.desktopId}`.execute(views.db);
    const view = await shown('readStore', views.store.view());
    deepEqual([view.liveBytes, view.deadBytes, view.objects], [1_000, 0, 2]);
    deepEqual(view.desktops.map(({ desktopId, liveBytes, objects }) => [desktopId, liveBytes, objects]), [[two.desktopId, 900, 1], [one.desktopId, 100, 1]]);
    ok(inBucket ? view.freeBytes === null : view.freeBytes !== null && view.freeBytes > 0);
    equal(view.dedupFactor, 200 / 1_000);
    deepEqual([view.scrub.objects, view.scrub.looked, view.scrub.damaged.length], [2, 0, 0]);
    await sql`insert into scrubs select account_id, object_key, now(), case when desktop_id = ${one.desktopId} then 'digest' end from objects`.execute(views.db);
    await sql`update objects set condemned_at = now() where desktop_id = ${one.desktopId}`.execute(views.db);
    const later = await shown('readStore', views.store.view());
    deepEqual([later.liveBytes, later.deadBytes, later.scrub.looked], [900, 100, 2]);
    deepEqual(later.scrub.damaged.map(({ finding, key }) => [finding, key.includes(one.desktopId)]), [['digest', true]]);
    deepEqual(later.desktops.map(({ desktopId }) => desktopId), [two.desktopId]);
  });

  it('keeps one row a day, shows today as it is now, and says when the store is full at the growth of the week', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const { client } = await enrol(coordinator);
    await saveDesktop(client, coordinator);
    deepEqual(await views.store.measure(), { liveBytes: 100, deadBytes: 0, objects: 1 });
    await views.store.measure();
    equal((await views.db.selectFrom('store_days').selectAll().execute()).length, 1);
    await sql`insert into store_days select (now() at time zone 'utc')::date - n, 100 - 10 * n, 0, 1 from generate_series(1, 5) n`.execute(views.db);
    await saveDesktop(client, coordinator);
    const { growth, fullAtMs, freeBytes } = await shown('readStore', views.store.view());
    deepEqual(growth.map(({ liveBytes }) => liveBytes), [50, 60, 70, 80, 90, 200]);
    ok(growth.every(({ dayMs }, n) => n === 0 || dayMs - growth[n - 1]!.dayMs === 86_400_000));
    if (freeBytes === null) {
      ok(inBucket && fullAtMs === null);
      return;
    }
    const leftMs = (freeBytes / 150) * 5 * 86_400_000;
    ok(fullAtMs === null ? leftMs > 1e15 : Math.abs(fullAtMs - Date.now() - leftMs) < leftMs * 0.2);
  });

  it('records runs of jobs: what they did, what ended them, and those that a crash cut off', async () => {
    await using views = await Views.raise();
    const { db } = views;
    const run = (job: string) => ({ job, replica: 'a', attempt: 1, pace });
    await recordRun(db, run('prune'), () => Promise.resolve({ objects: 3, bytes: 700 }));
    await rejects(recordRun(db, run('scrub'), () => Promise.reject(new Fault('STORE_FULL'))), { code: 'STORE_FULL' });
    const { runs: [scrub, prune], deadLetters } = await shown('readStore', views.store.view());
    deepEqual([prune!.job, prune!.state, prune!.figures, prune!.fault], ['prune', 'done', { objects: 3, bytes: 700 }, null]);
    deepEqual([scrub!.job, scrub!.state], ['scrub', 'failed']);
    ok(scrub!.fault!.startsWith('STORE_FULL: ') && scrub!.endedMs! >= scrub!.startedMs);
    deepEqual(deadLetters, [], 'it is tried again');
    const doneAgo = await readDoneAgoMs(db);
    deepEqual([...doneAgo.keys()], ['prune']);
    ok(doneAgo.get('prune')! >= 0);
    const running = (job: string, replica: string) => db.insertInto('job_runs').values({ job, state: 'running', fault: null, replica }).execute();
    await running('prune', 'a');
    await running('measure', 'c');
    equal(await closeRuns(db, { replica: 'b', others: new Set(['c']), hearsAll: false }), 0, 'nobody knows yet who is there');
    equal(await closeRuns(db, { replica: 'b', others: new Set(['c']), hearsAll: true }), 1);
    const [, cut] = (await shown('readStore', views.store.view())).runs;
    deepEqual([cut!.job, cut!.state, cut!.fault], ['prune', 'failed', 'the coordinator ended before the run did']);
  });

  it('gives a job up after its last attempt, or when it ended its coordinator as often in a row, until a round ends well', async () => {
    await using views = await Views.raise();
    const { db } = views;
    const scrub = (attempt: number) => recordRun(db, { job: 'scrub', replica: 'a', attempt, pace }, () => Promise.reject(new Fault('STORE_FULL')));
    const letters = async () => (await shown('readStore', views.store.view())).deadLetters;
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      deepEqual(await letters(), []);
      await rejects(scrub(attempt), { code: 'STORE_FULL' });
    }
    await rejects(scrub(attemptsMax), { code: 'STORE_FULL' });
    const [letter, ...others] = await letters();
    deepEqual([letter!.job, letter!.times, letter!.asked, others], ['scrub', 2, null, []]);
    ok(letter!.fault.startsWith('STORE_FULL: ') && letter!.firstMs <= letter!.lastMs);
    deepEqual((await views.overview.attention()).map(({ id, sinceMs }) => [id, sinceMs]), [['JOB_FAILED:scrub', letter!.firstMs]]);
    await recordRun(db, { job: 'scrub', replica: 'a', attempt: 1, pace }, () => Promise.resolve({}));
    deepEqual(await letters(), []);
    for (let time = 1; time <= attemptsMax; time++) {
      deepEqual(await letters(), []);
      await db.insertInto('job_runs').values({ job: 'prune', state: 'running', fault: null, replica: 'a' }).execute();
      await closeRuns(db, { replica: 'b', others: new Set(), hearsAll: true });
    }
    deepEqual((await letters()).map(({ job, fault }) => [job, fault]), [['prune', 'the coordinator ended before the run did']]);
  });
});
