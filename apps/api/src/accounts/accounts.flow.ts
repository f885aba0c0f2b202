import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemRandom, type Fault } from '@godwit/base';
import { createDevice, createRecovery, deviceFromPublic, joinCode, matchesJoinCode, newAccountKey, recoveryFromWords, replayChain, signAdd, signGenesis, signRevoke } from '@godwit/crypto';
import { bytesOf, textOf } from '@godwit/wire';
import { TestClient } from '../testing/client.ts';
import { addHost, chainOf, enrol, raiseStage, type Stage } from '../testing/stage.ts';

describe('accounts and their devices', () => {
  let stage: Stage;

  before(async () => {
    stage = await raiseStage({ rates: { perAddress: { burst: 60, perSecond: 0 }, inTotal: { burst: 100, perSecond: 0 } } });
  });
  after(() => stage[Symbol.asyncDispose]());

  const join = (name: string) => {
    const device = createDevice(systemRandom);
    const client = new TestClient(stage.coordinator, device);
    const body = { signPublic: textOf(device.signPublic), boxPublic: textOf(device.boxPublic), name, system: 'Linux of its own words' };
    return { device, client, body };
  };
  const grantFor = (recipient: string) => ({ recipient, generation: 1, bytes: textOf(systemRandom(220)) });

  test('a machine joins: it shows a code, an enrolled one finds it by the code, checks the keys and approves', async () => {
    const { client: a } = await enrol(stage.coordinator);
    const joiner = join('laptop-b');
    const { joinId } = await joiner.client.ask('createJoin', { body: joiner.body });
    const code = joinCode(joiner.device, stage.coordinator.audience);
    const found = await a.ask('findJoin', { query: { code } });
    const device = deviceFromPublic(bytesOf(found.signPublic), bytesOf(found.boxPublic));
    deepEqual([found.joinId, matchesJoinCode(code, device, stage.coordinator.audience), found.name, found.system], [joinId, true, 'laptop-b', 'Linux of its own words']);
    ok(found.address.includes('127.0.0.1') && Math.abs(found.askedMs + 10 * 60_000 - found.expiresMs) < 1_000, `${found.address}, asked ${found.askedMs}, until ${found.expiresMs}`);
    const state = await chainOf(a);
    const entry = signAdd(state, { device, name: found.name, signer: a.device, createdMs: Date.now() });
    const grant = grantFor(device.hostId);
    await a.ask('approveJoin', { params: { joinId }, body: { expectedLength: 1, entry: textOf(entry), grants: [grant] } });
    const read = await joiner.client.ask('readJoin', { params: { joinId } });
    if (read.state !== 'approved') throw new Error(read.state);
    equal(replayChain(read.entries.map(bytesOf)).devices.size, 2);
    deepEqual(read.grants, [grant]);
    deepEqual((await joiner.client.ask('listGrants')).grants, [grant]);
    deepEqual((await joiner.client.ask('listHosts')).hosts.map(({ name }) => name), ['laptop-a', 'laptop-b']);
    await rejects(a.ask('refuseJoin', { params: { joinId } }), { code: 'JOIN_DECIDED' });
    await rejects(a.ask('findJoin', { query: { code } }), { code: 'JOIN_NOT_FOUND' });
  });

  test('a refused machine learns it; a wrong code finds nothing; the entry must add the machine that asked', async () => {
    const { client: a } = await enrol(stage.coordinator);
    const joiner = join('laptop-c');
    const { joinId } = await joiner.client.ask('createJoin', { body: joiner.body });
    await rejects(a.ask('findJoin', { query: { code: 'able-able-able-able-able-able-able-able' } }), { code: 'JOIN_NOT_FOUND' });
    const state = await chainOf(a);
    const ghost = createDevice(systemRandom);
    const entry = textOf(signAdd(state, { device: ghost, name: 'ghost', signer: a.device, createdMs: Date.now() }));
    await rejects(a.ask('approveJoin', { params: { joinId }, body: { expectedLength: 1, entry, grants: [grantFor(ghost.hostId)] } }), { code: 'REQUEST_INVALID' });
    await a.ask('refuseJoin', { params: { joinId } });
    deepEqual(await joiner.client.ask('readJoin', { params: { joinId } }), { state: 'refused' });
    const again = await joiner.client.ask('createJoin', { body: joiner.body });
    equal((await joiner.client.ask('readJoin', { params: { joinId: again.joinId } })).state, 'pending');
    await rejects(joiner.client.ask('readJoin', { params: { joinId } }), { code: 'JOIN_NOT_FOUND' });
  });

  test('the chain grows by one valid entry at a time, whoever races', async () => {
    const person = await enrol(stage.coordinator);
    const { client: a } = person;
    const state = await chainOf(a);
    const entries = Array.from({ length: 4 }, (_, index) => textOf(signAdd(state, { device: createDevice(systemRandom), name: `n${index}`, signer: a.device, createdMs: 1 })));
    const results = await Promise.allSettled(entries.map((entry) => a.ask('appendChain', { body: { expectedLength: 1, entry, grants: [] } })));
    equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const result of results) if (result.status === 'rejected') equal((result.reason as Fault).code, 'CHAIN_MOVED');
    const grown = await chainOf(a);
    equal(grown.length, 2);
    await rejects(a.ask('appendChain', { body: { expectedLength: 2, entry: entries[0]!, grants: [] } }), ({ code }: Fault) => code === 'CHAIN_BROKEN' || code === 'DEVICE_EXISTS');
    const stranger = await enrol(stage.coordinator, 'other');
    const foreign = signRevoke(await chainOf(stranger.client), { subject: stranger.client.device.hostId, accountKey: newAccountKey(systemRandom), signer: stranger.recovery, createdMs: 1 });
    await rejects(a.ask('appendChain', { body: { expectedLength: 2, entry: textOf(foreign), grants: [] } }), { code: 'CHAIN_BROKEN' });
    await rejects(a.ask('appendChain', { body: { expectedLength: 2, entry: textOf(Buffer.alloc(100)), grants: [] } }), { code: 'CHAIN_ENTRY_INVALID' });
    const nobody = signAdd(grown, { device: createDevice(systemRandom), name: 'x', signer: a.device, createdMs: 1 });
    await rejects(a.ask('appendChain', { body: { expectedLength: 2, entry: textOf(nobody), grants: [grantFor('ab'.repeat(16))] } }), { code: 'REQUEST_INVALID' });
    equal((await chainOf(a)).length, 2);
    const { entries: rest, length } = await a.ask('readChain', { query: { from: '1' } });
    deepEqual([rest.length, length], [1, 2]);
  });

  test('an account is made once, by the device it names', async () => {
    const { client, genesis } = await enrol(stage.coordinator);
    const body = { genesis: textOf(genesis), grants: [grantFor(client.device.hostId)] };
    await rejects(client.ask('createAccount', { body }), { code: 'ACCOUNT_EXISTS' });
    const device = createDevice(systemRandom);
    const recovery = recoveryFromWords(createRecovery(systemRandom).words.join(' '));
    const stolen = signGenesis({ recovery, accountKey: newAccountKey(systemRandom), device, name: 'x', createdMs: 1 });
    await rejects(client.ask('createAccount', { body: { genesis: textOf(stolen), grants: [grantFor(device.hostId)] } }), { code: 'REQUEST_SIGNATURE_REFUSED' });
  });

  test('a host reports what it can run; others read it', async () => {
    const person = await enrol(stage.coordinator);
    const b = await addHost(person, stage.coordinator, 'laptop-b');
    const report = { agentVersion: '0.1.0', qemuVersions: ['10.0.2'], machineTypes: ['pc-q35-7.2'], cpuModels: ['Nehalem-v1'], accelerators: ['tcg'], ramBytes: 8e9, diskFreeBytes: 1e11, userfaultfd: true, capabilities: { cpus: 2 } };
    const self = await b.ask('reportHost', { body: report });
    deepEqual(self.report, report);
    const { hosts } = await person.client.ask('listHosts');
    deepEqual(hosts.map((host) => host.report), [null, report]);
    for (const host of hosts) equal(Math.abs((host.lastContactMs ?? 0) - Date.now()) < 60_000, true);
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`c${index}`, true]));
    await rejects(b.ask('reportHost', { body: { ...report, capabilities: many } }), { code: 'REQUEST_INVALID' });
  });

  test('an address that asks too often is told to wait', async () => {
    const answers: number[] = [];
    for (let attempt = 0; attempt < 65; attempt += 1) {
      const { client, body } = join(`n${attempt}`);
      const response = await client.send('createJoin', { body });
      answers.push(response.status);
      if (response.status === 429) equal(response.headers.get('retry-after'), '1');
    }
    equal(answers.includes(201) && answers.at(-1) === 429, true);
  });
});
