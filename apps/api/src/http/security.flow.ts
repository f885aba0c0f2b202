import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { newId, systemRandom, type DesktopId, type OrderId } from '@godwit/base';
import { createDevice, newAccountKey, OFFLINE_POLICY_BYTES, signOfflinePolicy, signRevoke, type DeviceSecrets } from '@godwit/crypto';
import { requestBodyLimitBytes, routes, textOf, type Problem, type Route, type RouteId } from '@godwit/wire';
import { TestClient, type Tamper } from '../testing/client.ts';
import { addHost, chainOf, commitOf, createDesktop, enrol, grantsAfter, raiseStage, uploadPack, type Person, type Stage } from '../testing/stage.ts';
import { reportOf } from '../testing/views.ts';

describe('who may ask', () => {
  let stage: Stage;
  let alice: Person;
  let mallory: Person;

  before(async () => {
    stage = await raiseStage();
    alice = await enrol(stage.coordinator);
    mallory = await enrol(stage.coordinator, 'stranger');
  });
  after(() => stage[Symbol.asyncDispose]());

  const problemOf = async (response: Response): Promise<Problem> => (await response.json()) as Problem;
  const codeOf = async (response: Response): Promise<[number, string]> => [response.status, (await problemOf(response)).code];

  test('a signature covers host, method, URL, body, time, nonce and coordinator', async () => {
    const tampers: Record<string, [Tamper, number, string]> = {
      'no signature': [({ headers }) => delete headers['godwit-signature'], 401, 'REQUEST_UNSIGNED'],
      'no headers at all': [(request) => (request.headers = {}), 401, 'REQUEST_UNSIGNED'],
      'a flipped signature': [({ headers }) => (headers['godwit-signature'] = headers['godwit-signature']!.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))), 401, 'REQUEST_SIGNATURE_REFUSED'],
      'another body': [(request) => (request.body = request.body!.replace('first', 'other')), 401, 'REQUEST_SIGNATURE_REFUSED'],
      'another path': [(request) => (request.path = '/v1/hosts?x=1'), 404, 'ROUTE_NOT_FOUND'],
      'another query': [(request) => (request.path += '?x=1'), 401, 'REQUEST_SIGNATURE_REFUSED'],
      'another method': [(request) => ((request.method = 'GET'), (request.body = undefined)), 401, 'REQUEST_SIGNATURE_REFUSED'],
      'another nonce': [({ headers }) => (headers['godwit-nonce'] = 'ab'.repeat(16)), 401, 'REQUEST_SIGNATURE_REFUSED'],
      'another time': [({ headers }) => (headers['godwit-time'] = String(Number(headers['godwit-time']) + 1)), 401, 'REQUEST_SIGNATURE_REFUSED'],
      "another host's name": [({ headers }) => (headers['godwit-host'] = mallory.client.device.hostId), 401, 'REQUEST_SIGNATURE_REFUSED'],
      'an unknown host': [({ headers }) => (headers['godwit-host'] = '00'.repeat(16)), 401, 'HOST_UNKNOWN'],
      'a malformed host': [({ headers }) => (headers['godwit-host'] = "' or 1=1"), 401, 'HOST_UNKNOWN'],
      'an old clock': [(request) => Object.assign(request.headers, alice.client.headers(request.method, request.path, request.body!, Date.now() - 10 * 60_000)), 401, 'REQUEST_TIME_SKEWED'],
    };
    const body = { desktopId: newId<DesktopId>(systemRandom), name: 'first', wrappedKey: { generation: 1, bytes: textOf(systemRandom(82)) } };
    for (const [what, [tamper, status, code]] of Object.entries(tampers)) {
      deepEqual(await codeOf(await alice.client.send('createDesktop', { body }, tamper)), [status, code], what);
    }
    deepEqual((await alice.client.ask('listDesktops')).desktops, []);
  });

  test('a signed request is good once, for whoever sends it', async () => {
    let seen: Record<string, string> = {};
    equal((await alice.client.send('listHosts', {}, ({ headers }) => (seen = { ...headers }))).status, 200);
    const replays = await Promise.all(Array.from({ length: 4 }, () => fetch(`${stage.coordinator.url}/v1/hosts`, { headers: seen })));
    for (const replay of replays) deepEqual(await codeOf(replay), [401, 'REQUEST_REPLAYED']);
    const fresh = alice.client.headers('GET', '/v1/hosts', '');
    const race = await Promise.all(Array.from({ length: 8 }, () => fetch(`${stage.coordinator.url}/v1/hosts`, { headers: fresh })));
    deepEqual(race.map(({ status }) => status).sort(), [200, 401, 401, 401, 401, 401, 401, 401]);
  });

  test('each signed route refuses everybody without a signature', async () => {
    for (const [id, route] of Object.entries<Route>(routes)) {
      if ((route.auth !== 'self' && route.auth !== 'host') || id === 'events') continue;
      const path = route.path.replace(/:[A-Za-z]+/g, (name) => (name === ':sequence' ? '1' : 'ab'.repeat(16)));
      const response = await fetch(stage.coordinator.url + path, { method: route.method, ...(route.body === undefined ? {} : { body: '{}' }) });
      const { code, status } = await problemOf(response);
      ok(status >= 400 && ['REQUEST_UNSIGNED', 'REQUEST_INVALID', 'JOIN_NOT_FOUND'].includes(code), `${id}: ${status} ${code}`);
      if (route.auth === 'host') equal(code, 'REQUEST_UNSIGNED', id);
    }
  });

  test("another account's desktop is no desktop: every route answers as for an id that nobody has", async () => {
    const desktopId = await createDesktop(alice.client);
    const pack = await uploadPack(alice.client, stage.coordinator, desktopId, 1);
    const commit = commitOf(alice.client, { desktopId, epoch: 1, sequence: 1, packs: [pack] });
    const { digest: head } = await alice.client.ask('commitCheckpoint', { params: { desktopId }, body: commit });
    const nobodys = newId<DesktopId>(systemRandom);
    const theirs = commitOf(mallory.client, { desktopId, epoch: 1, sequence: 1, packs: [pack] });
    const asked: [RouteId, Record<string, unknown>][] = [
      ['readDesktop', {}],
      ['acquireDesktop', { body: {} }],
      ['releaseDesktop', { body: { epoch: 1 } }],
      ['commitCheckpoint', { body: commit }],
      ['commitCheckpoint', { body: theirs }],
      ['keepDesktopKey', { body: { wrappedKey: { generation: 1, bytes: textOf(systemRandom(86)) }, replaces: null } }],
      ['listCheckpoints', { query: {} }],
      ['readManifest', { extra: { sequence: '1' } }],
      ['forkDesktop', { body: { desktopId: newId<DesktopId>(systemRandom), name: 'theirs', wrappedKey: { generation: 1, bytes: textOf(systemRandom(82)) }, commitId: theirs.commitId, manifest: theirs.manifest, replaces: null } }],
      ['pruneDesktop', { body: { policy: null, dryRun: false } }],
      ['readScrub', {}],
      ['readHolding', {}],
      ['askDeparture', { body: { epoch: 1 } }],
      ['askArrival', { body: { to: mallory.client.device.hostId, order: textOf(systemRandom(150)) } }],
      ['tellArrival', { body: { orderId: newId<OrderId>(systemRandom), state: 'running', phase: 'run', doneBytes: 0, totalBytes: null, runningMs: null, found: null } }],
      ['reportMove', { body: reportOf() }],
      ['tellDeparture', { body: { epoch: 1, state: 'departing', phase: 'ram', doneBytes: 0, totalBytes: null, found: null } }],
      ['takeOverDesktop', { body: { epoch: 1, expectedHeadDigest: head } }],
      ['saveOfflinePolicy', { body: { policy: textOf(signOfflinePolicy({ desktopId, mode: 'stop', signedMs: 1 }, mallory.client.device)) } }],
      ['saveOfflinePolicy', { body: { policy: textOf(systemRandom(OFFLINE_POLICY_BYTES)) } }],
      ['readReceipt', { query: { kind: 'checkpoint-committed', number: '1' } }],
      ['mintUrls', { body: { operation: 'get', objects: [{ key: pack.key }] } }],
      ['mintUrls', { body: { operation: 'put', epoch: 1, objects: [{ key: pack.key, lengthBytes: 1 }] } }],
    ];
    for (const [id, { extra, ...rest }] of asked) {
      const answer = async (of: DesktopId): Promise<[number, string]> => {
        const response = await mallory.client.send(id, { ...rest, params: { desktopId: of, ...(extra as object | undefined) } });
        return [response.status, await response.text()];
      };
      const foreign = await answer(desktopId);
      deepEqual(foreign, await answer(nobodys), id);
      equal(foreign[0], 404, id);
    }
    const covered = new Set(asked.map(([id]) => id));
    for (const [id, route] of Object.entries<Route>(routes)) if (route.auth === 'host' && route.path.includes(':desktopId')) ok(covered.has(id as RouteId), `${id} is not tried`);
    equal((await alice.client.ask('readDesktop', { params: { desktopId } })).owner?.hostId, alice.client.device.hostId);
    const { leases } = await mallory.client.ask('renewLeases', { body: { leases: [desktopId, nobodys].map((of) => ({ desktopId: of, epoch: 1 })) } });
    deepEqual(leases, [desktopId, nobodys].map((of) => ({ desktopId: of, state: 'unknown' })));
  });

  test('a revoked host is out at once, with its own keys and for good', async () => {
    const lost = await addHost(alice, stage.coordinator, 'lost');
    const desktopId = await createDesktop(lost);
    const state = await chainOf(alice.client);
    const entry = signRevoke(state, { subject: lost.device.hostId, accountKey: newAccountKey(systemRandom), signer: alice.client.device, createdMs: Date.now() });
    await alice.client.ask('appendChain', { body: { expectedLength: state.length, entry: textOf(entry), grants: grantsAfter(state, lost.device.hostId) } });
    await rejects(lost.ask('listDesktops'), { code: 'HOST_REVOKED' });
    await rejects(lost.ask('releaseDesktop', { params: { desktopId }, body: { epoch: 1 } }), { code: 'HOST_REVOKED' });
    await rejects(lost.ask('createJoin', { body: joinBody(lost.device) }), { code: 'ACCOUNT_EXISTS' });
    equal((await alice.client.ask('listHosts')).hosts.find(({ name }) => name === 'lost')?.current, false);
  });

  test('a join is read and made by the holder of its keys only', async () => {
    const joiner = new TestClient(stage.coordinator, createDevice(systemRandom));
    const other = new TestClient(stage.coordinator, createDevice(systemRandom));
    await rejects(other.ask('createJoin', { body: joinBody(joiner.device) }), { code: 'REQUEST_SIGNATURE_REFUSED' });
    const { joinId } = await joiner.ask('createJoin', { body: joinBody(joiner.device) });
    await rejects(other.ask('readJoin', { params: { joinId } }), { code: 'REQUEST_SIGNATURE_REFUSED' });
    await rejects(alice.client.ask('readJoin', { params: { joinId } }), { code: 'REQUEST_SIGNATURE_REFUSED' });
    equal((await joiner.ask('readJoin', { params: { joinId } })).state, 'pending');
  });

  test('bodies that are too large, too deep or no JSON end early', async () => {
    const large = await fetch(`${stage.coordinator.url}/v1/desktops`, { method: 'POST', body: Buffer.alloc(requestBodyLimitBytes + 1) });
    deepEqual(await codeOf(large), [413, 'REQUEST_TOO_LARGE']);
    const unproven = await fetch(`${stage.coordinator.url}/v1/joins`, { method: 'POST', body: Buffer.alloc(70_000, 32) });
    deepEqual(await codeOf(unproven), [413, 'REQUEST_TOO_LARGE']);
    for (const body of ['['.repeat(60_000), '{"a":', '', '\ufeff{}', '[]', 'null', '{"signPublic":{"x":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}}']) {
      deepEqual(await codeOf(await fetch(`${stage.coordinator.url}/v1/joins`, { method: 'POST', body })), [400, 'REQUEST_INVALID'], body.slice(0, 20));
    }
    deepEqual(await codeOf(await fetch(`${stage.coordinator.url}/nowhere`)), [404, 'ROUTE_NOT_FOUND']);
    deepEqual(await codeOf(await fetch(`${stage.coordinator.url}/v1/desktops/%E0%A4%A`)), [400, 'REQUEST_INVALID']);
    equal((await fetch(`${stage.coordinator.url}/healthz`)).status, 200);
  });

  test('a request that is no HTTP, or never ends, holds nothing up', async () => {
    const port = Number(new URL(stage.coordinator.url).port);
    const garbage = connect(port, '127.0.0.1').end('\x00\x01garbage\r\n\r\n');
    const slow = connect(port, '127.0.0.1');
    slow.write('POST /v1/joins HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{');
    await new Promise((resolve) => garbage.resume().once('close', resolve));
    notEqual((await alice.client.ask('listHosts')).hosts.length, 0);
    slow.destroy();
  });
});

function joinBody(device: DeviceSecrets): { signPublic: string; boxPublic: string; name: string } {
  return { signPublic: textOf(device.signPublic), boxPublic: textOf(device.boxPublic), name: 'newcomer' };
}
