import { deepEqual, equal, rejects } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sql } from 'kysely';
import { decodeLeaf } from '@godwit/crypto';
import type { HostReport } from '@godwit/wire';
import { addHost, createDesktop, enrol, revokeHost } from '../testing/stage.ts';
import { saveDesktop, takeOver } from '../testing/lease-world.ts';
import { shown, Views } from '../testing/views.ts';

const reportOf = (agentVersion: string): HostReport => ({
  agentVersion, qemuVersions: ['7.2.0'], machineTypes: [], cpuModels: ['max'], accelerators: ['tcg'], ramBytes: 1, diskFreeBytes: 1, userfaultfd: true, capabilities: {},
});

const olga = { operatorId: '0a'.repeat(16), name: 'olga' };

describe('hosts as operators see them', () => {
  it('lists them by name with what they hold, in reach or not, and finds those of a state', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const person = await enrol(coordinator, 'beta');
    const [alpha, gone] = [await addHost(person, coordinator, 'Alpha'), await addHost(person, coordinator, 'gone')];
    await createDesktop(alpha, 'work');
    await revokeHost(person, gone);
    await alpha.ask('reportHost', { body: reportOf('0.1.0') });
    await sql`update hosts set last_contact_at = now() - interval '2 minutes' where name = 'beta'`.execute(views.db);
    const { hosts, total } = await shown('listAllHosts', views.hosts.list({}));
    equal(total, 3);
    deepEqual(hosts.map(({ name, state, inReach, holds }) => [name, state, inReach, holds.map((desktop) => desktop.name)]), [
      ['Alpha', 'current', true, ['work']], ['beta', 'current', false, []], ['gone', 'revoked', true, []],
    ]);
    equal(hosts[0]!.report?.agentVersion, '0.1.0');
    const names = async (query: Parameters<typeof views.hosts.list>[0]) => (await shown('listAllHosts', views.hosts.list(query))).hosts.map(({ name }) => name);
    deepEqual(await names({ state: 'in-reach' }), ['Alpha']);
    deepEqual(await names({ state: 'out-of-reach' }), ['beta']);
    deepEqual(await names({ state: 'revoked' }), ['gone']);
    deepEqual(await names({ search: 'ALP' }), ['Alpha']);
    deepEqual(await names({ search: gone.device.hostId.slice(0, 10) }), ['gone']);
    deepEqual(await names({ state: 'out-of-date' }), []);
    await sql`update hosts set report = jsonb_set(report, '{agentVersion}', '"0.0"') where name = 'Alpha'`.execute(views.db);
    deepEqual(await names({ state: 'out-of-date' }), ['Alpha']);
    equal((await views.hosts.list({ search: 'alpha' })).hosts[0]!.outOfDate, true);
  });

  it('shows who let whom in and who put whom out', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const person = await enrol(coordinator, 'first');
    const second = await addHost(person, coordinator, 'second');
    const third = await addHost({ ...person, client: second }, coordinator, 'third');
    await revokeHost(person, third);
    const { entries, hosts } = await shown('readTrust', views.hosts.trust(person.accountId));
    deepEqual(entries.map(({ position, kind, by, device }) => [position, kind, by?.name ?? null, device.name]), [
      [0, 'genesis', null, 'first'], [1, 'add', 'first', 'second'], [2, 'add', 'second', 'third'], [3, 'revoke', 'first', 'third'],
    ]);
    equal(entries[1]!.device.hostId, second.device.hostId);
    deepEqual(hosts.map(({ name, state }) => [name, state]), [['first', 'current'], ['second', 'current'], ['third', 'revoked']]);
    await rejects(views.hosts.trust('00'.repeat(16) as typeof person.accountId), { code: 'ACCOUNT_NOT_FOUND' });
  });

  it('keeps a barred host out of everything that is signed, leaves what it holds to its user, and lets it in again', async () => {
    await using views = await Views.raise();
    const { coordinator } = views.stage;
    const person = await enrol(coordinator);
    const other = await addHost(person, coordinator, 'laptop-b');
    const { hostId } = person.client.device;
    const saved = await saveDesktop(person.client, coordinator);
    const params = { desktopId: saved.desktopId };
    const barred = await shown('barHost', views.hosts.bar(olga, hostId, { barred: true, reason: 'stolen' }));
    equal(barred.state, 'barred');
    await views.hosts.bar(olga, hostId, { barred: true, reason: 'again' });
    const refused = { code: 'HOST_BARRED', kind: 'denied' };
    await rejects(person.client.ask('listDesktops'), refused);
    await rejects(person.client.ask('renewLeases', { body: { leases: [{ desktopId: saved.desktopId, epoch: 1 }] } }), refused);
    await rejects(person.client.ask('releaseDesktop', { params, body: { epoch: 1 } }), refused);
    await rejects(person.client.ask('listGrants'), refused);
    await rejects(person.client.ask('mintUrls', { params, body: { operation: 'get', objects: [{ key: 'd-0' }] } }), refused);
    deepEqual((await views.hosts.list({ state: 'barred' })).hosts.map((host) => [host.hostId, host.holds.length]), [[hostId, 1]]);
    deepEqual((await views.hosts.list({ state: 'in-reach' })).hosts.map(({ name }) => name), ['laptop-b']);
    equal((await takeOver(other, saved, 1)).epoch, 2);
    equal((await views.hosts.bar(olga, hostId, { barred: false, reason: 'found' })).state, 'current');
    equal((await person.client.ask('listDesktops')).desktops.length, 1);

    const leaves = await views.db.selectFrom('audit_leaves').select('bytes').where('kind', 'in', ['host-barred', 'host-admitted']).orderBy('leaf_index').execute();
    deepEqual(leaves.map(({ bytes }) => decodeLeaf(bytes)).map(({ kind, hostId: by, subject }) => [kind, by, subject]), [['host-barred', null, hostId], ['host-admitted', null, hostId]]);
    const events = await views.db.selectFrom('events').select('detail').where('kind', '=', 'host-barred').execute();
    deepEqual(events, [{ detail: { subject: hostId, operator: 'olga', reason: 'stolen' } }]);
    deepEqual(views.news, [{ type: 'host-changed', accountId: person.accountId, hostId }, { type: 'host-changed', accountId: person.accountId, hostId }]);
    await rejects(views.hosts.bar(olga, '00'.repeat(16) as typeof hostId, { barred: true, reason: '' }), { code: 'DEVICE_UNKNOWN' });
  });
});
