import { deepEqual, equal, rejects } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemRandom } from '@godwit/base';
import { createDevice, createRecovery, newAccountKey, recoveryFromWords, replayChain, sha256, signAdd, signRevoke, type DeviceSecrets } from '@godwit/crypto';
import { bytesOf, textOf } from '@godwit/wire';
import { TestClient } from '../testing/client.ts';
import { addHost, chainOf, createDesktop, enrol, grantsAfter, raiseStage, revokeHost, uploadPack, type Stage } from '../testing/stage.ts';

const accountKey = (): ReturnType<typeof newAccountKey> => newAccountKey(systemRandom);

describe('revocation, wrapped keys, recovery', () => {
  let stage: Stage;

  before(async () => {
    stage = await raiseStage();
  });
  after(() => stage[Symbol.asyncDispose]());

  test('a revocation comes with the new key for everybody who stays, or not at all', async () => {
    const person = await enrol(stage.coordinator);
    const staying = await addHost(person, stage.coordinator, 'staying');
    const lost = await addHost(person, stage.coordinator, 'lost');
    const state = await chainOf(person.client);
    const entry = textOf(signRevoke(state, { subject: lost.device.hostId, accountKey: accountKey(), signer: person.client.device, createdMs: 1 }));
    const grants = grantsAfter(state, lost.device.hostId);
    for (const recipient of [person.recovery.hostId, person.client.device.hostId, staying.device.hostId]) {
      const without = grants.filter((grant) => grant.recipient !== recipient);
      await rejects(person.client.ask('appendChain', { body: { expectedLength: state.length, entry, grants: without } }), { code: 'GRANTS_MISSING' });
      const old = grants.map((grant) => (grant.recipient === recipient ? { ...grant, generation: 1 } : grant));
      await rejects(person.client.ask('appendChain', { body: { expectedLength: state.length, entry, grants: old } }), { code: 'GRANTS_MISSING' });
    }
    const toTheLost = [...grants, { ...grants[0]!, recipient: lost.device.hostId }];
    await rejects(person.client.ask('appendChain', { body: { expectedLength: state.length, entry, grants: toTheLost } }), { code: 'REQUEST_INVALID' });
    equal((await chainOf(person.client)).length, state.length);
    deepEqual((await staying.ask('listGrants')).grants.map(({ generation }) => generation), [1]);
    await person.client.ask('appendChain', { body: { expectedLength: state.length, entry, grants } });
    deepEqual((await staying.ask('listGrants')).grants.map(({ generation }) => generation), [2, 1]);
  });

  test('a revoked host is out: no request, no new URL, and what it held is free for the others', async () => {
    const person = await enrol(stage.coordinator);
    const lost = await addHost(person, stage.coordinator, 'lost');
    const desktopId = await createDesktop(lost);
    const { key } = await uploadPack(lost, stage.coordinator, desktopId, 1);
    const { urls, expiresMs } = await lost.ask('mintUrls', { params: { desktopId }, body: { operation: 'get', objects: [{ key }] } });
    await revokeHost(person, lost);
    equal(expiresMs <= Date.now() + 60_000, true);
    await rejects(lost.ask('mintUrls', { params: { desktopId }, body: { operation: 'get', objects: [{ key }] } }), { code: 'HOST_REVOKED' });
    await rejects(lost.ask('listGrants'), { code: 'HOST_REVOKED' });
    equal(urls.length, 1);
    equal((await person.client.ask('readDesktop', { params: { desktopId } })).owner, null);
    equal((await person.client.ask('acquireDesktop', { params: { desktopId }, body: {} })).epoch, 2);
  });

  test('a desktop gets one key per generation; wrapping it again names what it replaces', async () => {
    const person = await enrol(stage.coordinator);
    const lost = await addHost(person, stage.coordinator, 'lost');
    const desktopId = await createDesktop(person.client);
    const keep = (generation: number, bytes: Buffer, replaces: Buffer | null) => person.client.ask('keepDesktopKey', { params: { desktopId }, body: { wrappedKey: { generation, bytes: textOf(bytes) }, replaces: replaces === null ? null : textOf(sha256(replaces)) } });
    const keys = async (): Promise<Buffer[]> => (await person.client.ask('readDesktop', { params: { desktopId } })).wrappedKeys.map(({ bytes }) => bytesOf(bytes));
    const [second, other, again] = [systemRandom(86), systemRandom(86), systemRandom(86)];
    await rejects(keep(2, second, null), { code: 'REQUEST_INVALID' });
    await revokeHost(person, lost);
    await keep(2, second, null);
    await keep(2, second, null);
    await rejects(keep(2, other, null), { code: 'WRAPPED_KEY_EXISTS' });
    await rejects(keep(2, other, other), { code: 'WRAPPED_KEY_EXISTS' });
    const [first] = await keys();
    await keep(1, again, first!);
    deepEqual(await keys(), [again, second]);
    await rejects(keep(1, other, first!), { code: 'WRAPPED_KEY_EXISTS' });
    const racing = await Promise.allSettled(Array.from({ length: 4 }, () => keep(1, systemRandom(86), again)));
    equal(racing.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  test('the recovery key finds its account and adds a machine; other words find nothing', async () => {
    const person = await enrol(stage.coordinator);
    const root = new TestClient(stage.coordinator, person.recovery);
    const found = await root.ask('findRecovery', { query: {} });
    deepEqual([found.accountId, found.length, found.grants.map(({ recipient }) => recipient)], [person.accountId, 1, [person.recovery.hostId]]);
    const stranger = recoveryFromWords(createRecovery(systemRandom).words.join(' '));
    await rejects(new TestClient(stage.coordinator, stranger).ask('findRecovery', { query: {} }), { code: 'RECOVERY_WORDS_WRONG' });
    const forger: DeviceSecrets = { ...stranger, hostId: person.recovery.hostId };
    await rejects(new TestClient(stage.coordinator, forger).ask('findRecovery', { query: {} }), { code: 'REQUEST_SIGNATURE_REFUSED' });

    const machine = createDevice(systemRandom);
    const state = replayChain(found.entries.map(bytesOf));
    const body = (entry: Buffer) => ({ accountId: found.accountId, expectedLength: 1, entry: textOf(entry), grants: [{ recipient: machine.hostId, generation: 1, bytes: textOf(systemRandom(240)) }] });
    const entry = signAdd(state, { device: machine, name: 'new', signer: person.recovery, createdMs: 1 });
    await rejects(person.client.ask('recoverAccount', { body: body(entry) }), { code: 'RECOVERY_WORDS_WRONG' });
    const revocation = signRevoke(state, { subject: person.client.device.hostId, accountKey: accountKey(), signer: person.recovery, createdMs: 1 });
    await rejects(root.ask('recoverAccount', { body: body(revocation) }), { code: 'REQUEST_INVALID' });
    equal((await root.ask('recoverAccount', { body: body(entry) })).length, 2);
    const joined = new TestClient(stage.coordinator, machine);
    equal((await chainOf(joined)).devices.size, 2);
    await rejects(root.ask('readChain', { query: {} }), { code: 'HOST_UNKNOWN' });
  });
});
