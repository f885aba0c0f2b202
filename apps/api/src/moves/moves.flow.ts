import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import { newId, systemRandom, type DesktopId } from '@godwit/base';
import { addHost, createDesktop, enrol } from '../testing/stage.ts';
import { reportOf, shown, Views } from '../testing/views.ts';
import { movesPerDesktop } from './moves.service.ts';

describe('moves as hosts tell of them', () => {
  it('takes the word of the host whose epoch it is, of no other host, and of no other account', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const person = await enrol(coordinator);
    const second = await addHost(person, coordinator, 'laptop-b');
    const stranger = await enrol(coordinator, 'elsewhere');
    const desktopId = await createDesktop(person.client);
    const params = { desktopId };
    const body = reportOf({ kind: 'suspend' });
    deepEqual(await person.client.ask('reportMove', { params, body }), {});
    await rejects(second.ask('reportMove', { params, body: reportOf() }), { code: 'EPOCH_FENCED' });
    await rejects(second.ask('reportMove', { params, body }), { code: 'EPOCH_FENCED' });
    await rejects(person.client.ask('reportMove', { params, body: reportOf({ epoch: 2 }) }), { code: 'EPOCH_FENCED' });
    await rejects(stranger.client.ask('reportMove', { params, body }), { code: 'DESKTOP_NOT_FOUND' });
    await rejects(person.client.ask('reportMove', { params: { desktopId: newId<DesktopId>(systemRandom) }, body }), { code: 'DESKTOP_NOT_FOUND' });
    // The other host has the desktop by now: the first may still say how its own move ended, and begin no other.
    await person.client.ask('releaseDesktop', { params, body: { epoch: 1 } });
    await second.ask('acquireDesktop', { params, body: {} });
    await person.client.ask('reportMove', { params, body: { ...body, state: 'done', phase: 'clear' } });
    await rejects(person.client.ask('reportMove', { params, body: reportOf() }), { code: 'EPOCH_FENCED' });
    await second.ask('reportMove', { params, body: reportOf({ kind: 'resume', epoch: 2, phase: 'load' }) });
    const { moves, total } = await shown('listMoves', views.moves.list({}));
    equal(total, 2);
    deepEqual(moves.map(({ hostName, kind, state, epoch }) => [hostName, kind, state, epoch]), [['laptop-b', 'resume', 'running', 2], ['laptop-a', 'suspend', 'done', 1]]);
  });

  it('shows a running move until nothing is told of it for a minute, finds it by state, and tells pages of each word', async () => {
    await using views = await Views.raise();
    const person = await enrol(views.stage.coordinator);
    const desktopId = await createDesktop(person.client, 'work');
    const caller = { accountId: person.accountId, hostId: person.client.device.hostId, name: 'laptop-a', signPublic: person.client.device.signPublic };
    const report = reportOf({ doneBytes: 50, totalBytes: 100 });
    const tell = (said: Partial<typeof report>) => views.moves.report(caller, desktopId, { ...report, ...said });
    const states = async (state: 'running' | 'lost' | 'done') => (await shown('listMoves', views.moves.list({ state }))).moves.map((move) => [move.state, move.doneBytes]);
    await tell({});
    await tell({ doneBytes: 20 });
    deepEqual(await states('running'), [['running', 50]]);
    await sql`update moves set told_at = now() - interval '59 seconds'`.execute(views.db);
    deepEqual([await states('running'), await states('lost')], [[['running', 50]], []]);
    await sql`update moves set told_at = now() - interval '61 seconds'`.execute(views.db);
    deepEqual([await states('running'), await states('lost')], [[], [['lost', 50]]]);
    await tell({ doneBytes: 60 });
    deepEqual([await states('running'), await states('lost')], [[['running', 60]], []]);
    await tell({ state: 'done', doneBytes: 100 });
    await tell({ doneBytes: 70 });
    deepEqual([await states('running'), await states('done')], [[], [['done', 100]]]);
    deepEqual(views.news.map((message) => (message.type === 'move' ? [message.move.state, message.move.doneBytes, message.move.desktopName] : message.type)), [
      ['running', 50, 'work'], ['running', 50, 'work'], ['running', 60, 'work'], ['done', 100, 'work'], 'desktop-changed', 'attention-changed',
    ]);
  });

  it('keeps the newest of each desktop and nothing that is too old', async () => {
    await using views = await Views.raise();
    const person = await enrol(views.stage.coordinator);
    const [desktopId, other] = [await createDesktop(person.client), await createDesktop(person.client)];
    await sql`
      insert into moves (account_id, desktop_id, move_id, host_id, epoch, kind, state, told, started_at)
      select ${person.accountId}, desktop_id, gen_random_uuid(), ${person.client.device.hostId}, 1, 'checkpoint', 'done', ${JSON.stringify(reportOf())}, now() - make_interval(hours => n)
      from generate_series(1, ${movesPerDesktop}) n, desktops`.execute(views.db);
    const count = async (id: DesktopId) => (await views.moves.list({ desktopId: id })).total;
    deepEqual([await count(desktopId), await count(other)], [movesPerDesktop, movesPerDesktop]);
    const newest = reportOf();
    await person.client.ask('reportMove', { params: { desktopId }, body: newest });
    deepEqual([await count(desktopId), await count(other)], [movesPerDesktop, movesPerDesktop]);
    const { moves } = await shown('listMoves', views.moves.list({ desktopId }));
    equal(moves[0]!.moveId, newest.moveId);
    ok(moves.every((move, index) => index === 0 || move.startedMs <= moves[index - 1]!.startedMs));
    const page = await shown('listMoves', views.moves.list({ desktopId, before: String(moves[10]!.startedMs) }));
    ok(page.moves.every(({ startedMs }) => startedMs <= moves[10]!.startedMs) && page.total === movesPerDesktop);
    await sql`update moves set started_at = now() - interval '91 days' where desktop_id = ${other}`.execute(views.db);
    equal(await views.moves.forgetOld(), movesPerDesktop);
    deepEqual([await count(desktopId), await count(other)], [movesPerDesktop, 0]);
  });
});
