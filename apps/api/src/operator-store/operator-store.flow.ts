import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import { Fault } from '@godwit/base';
import { closeRuns, readFailedJobs, recordRun } from '../jobs/job-runs.ts';
import { saveDesktop } from '../testing/lease-world.ts';
import { newStageBucket } from '../testing/stage-objects.ts';
import { enrol } from '../testing/stage.ts';
import { shown, Views } from '../testing/views.ts';

/** A bucket says nothing of what is free in it. */
const inBucket = newStageBucket() !== undefined;

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
    const run = (job: string) => ({ job, replica: 'a' });
    await recordRun(db, run('prune'), () => Promise.resolve({ objects: 3, bytes: 700 }));
    await rejects(recordRun(db, run('scrub'), () => Promise.reject(new Fault('STORE_FULL'))), { code: 'STORE_FULL' });
    const [scrub, prune] = (await shown('readStore', views.store.view())).runs;
    deepEqual([prune!.job, prune!.state, prune!.figures, prune!.fault], ['prune', 'done', { objects: 3, bytes: 700 }, null]);
    deepEqual([scrub!.job, scrub!.state], ['scrub', 'failed']);
    ok(scrub!.fault!.startsWith('STORE_FULL: ') && scrub!.endedMs! >= scrub!.startedMs);
    await rejects(recordRun(db, run('scrub'), () => Promise.reject(new Fault('STORE_FULL'))), { code: 'STORE_FULL' });
    const [failed, ...others] = await readFailedJobs(db);
    deepEqual([failed!.job, others], ['scrub', []]);
    equal(failed!.sinceMs, scrub!.endedMs);
    await recordRun(db, run('scrub'), () => Promise.resolve({}));
    deepEqual(await readFailedJobs(db), []);
    await db.insertInto('job_runs').values({ job: 'prune', state: 'running', fault: null, replica: 'a' }).execute();
    deepEqual(await readFailedJobs(db), []);
    await closeRuns(db, { replica: 'b', others: new Set(['c']), hearsAll: false });
    await db.insertInto('job_runs').values({ job: 'measure', state: 'running', fault: null, replica: 'c' }).execute();
    deepEqual(await readFailedJobs(db), [], 'nobody knows yet who is there');
    await closeRuns(db, { replica: 'b', others: new Set(['c']), hearsAll: true });
    deepEqual((await readFailedJobs(db)).map(({ job, fault }) => [job, fault]), [['prune', 'the coordinator ended before the run did']]);
  });
});
