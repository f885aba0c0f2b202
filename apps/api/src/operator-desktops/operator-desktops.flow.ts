import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import { newId, systemRandom, type DesktopId } from '@godwit/base';
import { textOf } from '@godwit/wire';
import { commitOf, createDesktop, enrol, uploadPack } from '../testing/stage.ts';
import { saveDesktop } from '../testing/lease-world.ts';
import { reportOf, shown, Views } from '../testing/views.ts';

describe('desktops as operators see them', () => {
  it('says of each who holds it, how it stands and how safe it is', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const [anna, ben] = [await enrol(coordinator, 'anna-pc'), await enrol(coordinator, 'ben-pc')];
    const work = await saveDesktop(anna.client, coordinator);
    const play = await saveDesktop(ben.client, coordinator);
    const bare = await createDesktop(ben.client, 'bare');
    await views.db.updateTable('desktops').set({ name: 'work' }).where('desktop_id', '=', work.desktopId).execute();
    await views.db.updateTable('desktops').set({ name: 'Play' }).where('desktop_id', '=', play.desktopId).execute();
    await ben.client.ask('releaseDesktop', { params: { desktopId: play.desktopId }, body: { epoch: 1 } });

    const { desktops, total } = await shown('listAllDesktops', views.desktops.list({}));
    equal(total, 3);
    deepEqual(desktops.map(({ name, condition, holder, protection, checkpoints }) => [name, condition, holder?.name ?? null, protection, checkpoints]), [
      ['bare', 'new', 'ben-pc', 'fresh', 0], ['Play', 'free', null, 'safe', 1], ['work', 'held', 'anna-pc', 'fresh', 1],
    ]);
    equal(desktops[2]!.storedBytes, 100);
    const ids = async (query: Parameters<typeof views.desktops.list>[0]): Promise<string[]> => (await shown('listAllDesktops', views.desktops.list(query))).desktops.map(({ name }) => name);
    deepEqual(await ids({ search: 'PLA' }), ['Play']);
    deepEqual(await ids({ search: 'anna' }), ['work']);
    deepEqual(await ids({ search: bare.slice(0, 12) }), ['bare']);
    deepEqual(await ids({ search: '%' }), []);
    deepEqual(await ids({ condition: 'free' }), ['Play']);
    deepEqual(await ids({ condition: 'new' }), ['bare']);
    deepEqual(await ids({ protection: 'safe' }), ['Play']);
    deepEqual(await ids({ hostId: ben.client.device.hostId }), ['bare']);
    deepEqual(await ids({ sort: 'durable' }), ['work', 'Play', 'bare']);
    deepEqual((await ids({ sort: 'bytes' })).at(-1), 'bare');
    deepEqual(await ids({ from: '2' }), ['work']);
  });

  it('tells protection by the age of the newest durable checkpoint, and reach by the last contact or an open stream', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const { client, accountId } = await enrol(coordinator);
    const { desktopId } = await saveDesktop(client, coordinator);
    const row = async () => (await shown('readDesktopDetail', views.desktops.detail(accountId, desktopId))).desktop;
    for (const [minutes, protection] of [[14, 'fresh'], [16, 'late'], [24 * 60 - 1, 'late'], [24 * 60 + 1, 'unprotected']] as const) {
      await sql`update desktops set durable_at = now() - make_interval(mins => ${minutes})`.execute(views.db);
      equal((await row()).protection, protection, `${minutes} minutes`);
      deepEqual((await views.desktops.list({ protection })).desktops.map((desktop) => desktop.protection), [protection]);
    }
    await sql`update hosts set last_contact_at = now() - interval '61 seconds'`.execute(views.db);
    equal((await row()).condition, 'out-of-reach');
    const end = views.hub.subscribe({ accountId, hostId: client.device.hostId }, () => undefined, () => undefined);
    equal((await row()).condition, 'held');
    end();
    await client.ask('releaseDesktop', { params: { desktopId }, body: { epoch: 1 } });
    deepEqual([(await row()).condition, (await row()).protection], ['free', 'safe']);
  });

  it('is departing and arriving while a move is told of, until the guest runs', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const { client, accountId } = await enrol(coordinator);
    const { desktopId } = await saveDesktop(client, coordinator);
    const condition = async () => (await views.desktops.detail(accountId, desktopId)).desktop.condition;
    const tell = (report: Parameters<typeof reportOf>[0]) => client.ask('reportMove', { params: { desktopId }, body: reportOf(report) });
    const [suspend, resume] = ['a1'.repeat(16), 'b2'.repeat(16)];
    await tell({ kind: 'checkpoint' });
    equal(await condition(), 'held');
    await tell({ moveId: suspend, kind: 'suspend' });
    equal(await condition(), 'departing');
    await tell({ moveId: suspend, kind: 'suspend', state: 'done' });
    equal(await condition(), 'held');
    await tell({ moveId: resume, kind: 'resume', phase: 'load' });
    equal(await condition(), 'arriving');
    await tell({ moveId: resume, kind: 'resume', phase: 'fill', runningMs: 800 });
    equal(await condition(), 'held');
    await tell({ moveId: 'c3'.repeat(16), kind: 'suspend' });
    await sql`update moves set told_at = now() - interval '61 seconds'`.execute(views.db);
    equal(await condition(), 'held');
  });

  it('shows the line of checkpoints with pauses from the moves, what each added, forks and events', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const { client, accountId } = await enrol(coordinator);
    const desktopId = await createDesktop(client, 'line');
    const [first, second] = [await uploadPack(client, coordinator, desktopId, 1, 700), await uploadPack(client, coordinator, desktopId, 1, 300)];
    const one = commitOf(client, { desktopId, epoch: 1, sequence: 1, packs: [first] });
    const { digest } = await client.ask('commitCheckpoint', { params: { desktopId }, body: one });
    const parent = { digest, commitId: one.commitId, epoch: 1, sequence: 1 };
    await client.ask('commitCheckpoint', { params: { desktopId }, body: commitOf(client, { desktopId, epoch: 1, sequence: 2, packs: [first, second], parent, release: true }) });
    await client.ask('reportMove', { params: { desktopId }, body: reportOf({ kind: 'suspend', state: 'done', sequence: 2, pauseMs: 210.5, durableMs: 4000, bytesChanged: 4096, phase: 'clear' }) });
    const fork = newId<DesktopId>(systemRandom);
    const made = commitOf(client, { desktopId: fork, epoch: 1, sequence: 1, forkedFrom: { ...parent, desktopId }, packs: [first] });
    await client.ask('forkDesktop', { params: { desktopId }, body: { desktopId: fork, name: 'twin', wrappedKey: { generation: 1, bytes: textOf(systemRandom(82)) }, commitId: made.commitId, manifest: made.manifest, replaces: null } });

    const detail = await shown('readDesktopDetail', views.desktops.detail(accountId, desktopId));
    deepEqual(detail.checkpoints.map(({ sequence, addedBytes, pauseMs, durableAfterMs, bytesChanged, released, dropped }) => ({ sequence, addedBytes, pauseMs, durableAfterMs, bytesChanged, released, dropped })), [
      { sequence: 2, addedBytes: 300, pauseMs: 210.5, durableAfterMs: 4000, bytesChanged: 4096, released: true, dropped: false },
      { sequence: 1, addedBytes: 700, pauseMs: null, durableAfterMs: null, bytesChanged: null, released: false, dropped: false },
    ]);
    equal(detail.checkpoints[0]!.parent, digest);
    deepEqual(detail.forks, [{ desktopId: fork, name: 'twin', sequence: 1 }]);
    equal(detail.moves.length, 1);
    deepEqual(detail.events.map(({ kind }) => kind), ['desktop-released', 'checkpoint-committed', 'checkpoint-committed', 'desktop-created']);
    equal(detail.events[0]!.hostName, 'laptop-a');
    const twin = await shown('readDesktopDetail', views.desktops.detail(accountId, fork));
    deepEqual(twin.forkedFrom, { desktopId, name: 'line', sequence: 1 });
    equal(twin.desktop.condition, 'free');
    ok(twin.desktop.durableMs !== null);
    await rejects(views.desktops.detail(accountId, newId<DesktopId>(systemRandom)), { code: 'DESKTOP_NOT_FOUND' });
  });
});
