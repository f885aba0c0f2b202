import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import { saveDesktop } from '../testing/lease-world.ts';
import { addHost, createDesktop, enrol } from '../testing/stage.ts';
import { reportOf, shown, Views } from '../testing/views.ts';

describe('the overview', () => {
  it('of an empty coordinator shows nothing, and nobody is needed', async () => {
    await using views = await Views.raise();
    const overview = await shown('readOverview', views.overview.read());
    deepEqual([overview.attention.filter(({ code }) => code !== 'STORE_FILLING'), overview.moves, overview.failedLastDay], [[], [], 0]);
    deepEqual(Object.values(overview.desktops), [0, 0, 0, 0, 0, 0]);
    deepEqual(overview.hosts, { current: 0, inReach: 0, outOfDate: 0 });
    equal(overview.version, '0.1.0');
    ok(Math.abs(overview.nowMs - Date.now()) < 60_000);
  });

  it('counts what there is, shows moves under way, and lists what needs a person until it is put right', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const person = await enrol(coordinator, 'anna-pc');
    const other = await addHost(person, coordinator, 'ben-pc');
    const { desktopId } = await saveDesktop(person.client, coordinator);
    await createDesktop(other, 'bare');
    const read = () => shown('readOverview', views.overview.read());
    const codes = async () => (await read()).attention.map(({ code }) => code).filter((code) => code !== 'STORE_FILLING');
    const suspend = reportOf({ kind: 'suspend', doneBytes: 5, totalBytes: 10 });
    await person.client.ask('reportMove', { params: { desktopId }, body: suspend });
    const first = await read();
    deepEqual([first.desktops.departing, first.desktops.new, first.protection.fresh, first.hosts.inReach, first.moves.length], [1, 1, 2, 2, 1]);
    deepEqual(await codes(), []);
    // Nothing is told of it for a minute, and no checkpoint came since; then it fails; then another one makes it good.
    await sql`update desktops set durable_at = now() - interval '10 minutes' where head_sequence is not null`.execute(views.db);
    await sql`update moves set told_at = now() - interval '2 minutes', advanced_at = now() - interval '2 minutes'`.execute(views.db);
    deepEqual(await codes(), ['MOVE_STUCK']);
    deepEqual((await read()).moves, []);
    await person.client.ask('reportMove', { params: { desktopId }, body: { ...suspend, state: 'failed', fault: 'STORE_DENIED' } });
    deepEqual([await codes(), (await read()).failedLastDay], [['MOVE_FAILED'], 1]);
    await person.client.ask('reportMove', { params: { desktopId }, body: reportOf({ kind: 'suspend', state: 'done' }) });
    deepEqual(await codes(), []);
    // Its host is told to be still there, and gets no further.
    await person.client.ask('reportMove', { params: { desktopId }, body: reportOf() });
    await sql`update moves set advanced_at = now() - interval '6 minutes' where state = 'running'`.execute(views.db);
    deepEqual((await read()).attention.filter(({ code }) => code === 'MOVE_STUCK').map(({ text }) => text.includes('gets no further')), [true]);
    await sql`delete from moves`.execute(views.db);
    // A day without a checkpoint; then its host is away as long, which says it all.
    await sql`update desktops set durable_at = now() - interval '25 hours' where desktop_id = ${desktopId}`.execute(views.db);
    deepEqual([await codes(), (await read()).protection.unprotected], [['DESKTOP_UNPROTECTED'], 1]);
    await sql`update hosts set last_contact_at = now() - interval '25 hours' where name = 'anna-pc'`.execute(views.db);
    deepEqual(await codes(), ['HOST_LOST']);
    await views.hosts.bar({ operatorId: '0a'.repeat(16), name: 'olga' }, person.client.device.hostId, { barred: true, reason: 'gone' });
    ok(!(await codes()).includes('HOST_LOST'));
    await sql`insert into scrubs select account_id, object_key, now(), 'missing' from objects`.execute(views.db);
    await sql`update hosts set report = '{"agentVersion": "none"}' where name = 'ben-pc'`.execute(views.db);
    const last = await views.overview.attention();
    deepEqual(last.map(({ code }) => code).filter((code) => code === 'SCRUB_FAILED' || code === 'HOST_OUT_OF_DATE'), ['SCRUB_FAILED', 'HOST_OUT_OF_DATE']);
  });

  it('keeps who takes care of what, puts that last, has it on record, and forgets it when it is taken back or gone', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const person = await enrol(coordinator, 'anna-pc');
    for (const name of ['first', 'second']) await createDesktop(person.client, name);
    await sql`update desktops set created_at = now() - interval '3 days'`.execute(views.db);
    const ada = { operatorId: '0a'.repeat(16), name: 'Ada', role: 'operator', passkeys: 1, oidc: false, createdMs: 0, lastSeenMs: null } as const;
    const read = async () => (await shown('readOverview', views.overview.read())).attention.filter(({ code }) => code === 'DESKTOP_UNPROTECTED');
    const [one, two] = await read();
    await views.overview.acknowledge(ada, one!.id, true);
    await views.overview.acknowledge(ada, one!.id, true);
    const after = await read();
    deepEqual(after.map(({ id, acknowledged }) => [id, acknowledged?.operatorName]), [[two!.id, undefined], [one!.id, 'Ada']]);
    deepEqual(views.news.filter(({ type }) => type === 'attention-changed').length, 2);
    await views.overview.acknowledge(ada, one!.id, false);
    deepEqual((await read()).map(({ acknowledged }) => acknowledged), [null, null]);
    await rejects(views.overview.acknowledge(ada, 'HOST_LOST:nobody', true), { code: 'ATTENTION_NOT_FOUND' });
    const acts = await views.db.selectFrom('operator_acts').select(['operator_name', 'act']).orderBy('act_id').execute();
    deepEqual(acts.map(({ operator_name: who, act }) => [who, act]), [['Ada', 'attention-acknowledged'], ['Ada', 'attention-acknowledged'], ['Ada', 'attention-returned']]);
    await views.overview.acknowledge(ada, one!.id, true);
    await sql`update desktops set created_at = now() where name = ${one!.text.split(' ')[0]!}`.execute(views.db);
    await views.overview.acknowledge(ada, two!.id, true);
    equal((await views.db.selectFrom('attention_acknowledged').selectAll().execute()).length, 1);
  });
});
