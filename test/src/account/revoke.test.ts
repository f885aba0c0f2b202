import { deepEqual, equal, match, notEqual, ok, rejects, throws } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemRandom } from '@godwit/base';
import { createDevice, cryptoReady, encodeEntry, entryBody, newAccountKey, sign, signAdd, signRevoke, wrappedGenerations } from '@godwit/crypto';
import { desktopKeys, packKeyOf } from '@godwit/snapshot';
import { bytesOf, closeCodes, textOf } from '@godwit/wire';
import { enrolSecond, House, type TestHost } from '../house/house.ts';
import { Insider } from './insider.ts';
import { withoutCredentials } from './people.ts';

describe('a host is revoked', () => {
  const house = new House();
  let a: TestHost;
  let b: TestHost;
  let alice: Insider;
  let thief: Insider;

  before(async () => {
    await cryptoReady();
    await house.startCoordinator();
    [a, b] = [await house.addHost('a', withoutCredentials(house)), await house.addHost('b', withoutCredentials(house))];
    await a.must('init', '--coordinator', house.url, '--name', 'a');
    await enrolSecond(a, b, house.url);
    [alice, thief] = [new Insider(a.home), new Insider(b.home)];
    await thief.createDesktop('work');
    await thief.checkpoint('work', Buffer.from('written before'));
  });
  after(() => house.close());

  test('it is asked first, naming what is lost; nothing has changed until the yes', async () => {
    const { exitCode, stdout } = await a.run(['revoke', 'b']);
    equal(exitCode, 2);
    match(stdout, /work: held there; what it did since checkpoint 1 of .+ is lost/);
    equal((await alice.chain()).generation, 1);
    equal((await a.ask('revoke', 'nobody', '--yes')).error?.code, 'DEVICE_UNKNOWN');
    equal((await a.ask('revoke', 'a', '--yes')).error?.code, 'ARGUMENT_INVALID');
  });

  test('without the new key for everybody who stays the coordinator refuses', async () => {
    const chain = await alice.chain();
    const entry = textOf(signRevoke(chain, { subject: thief.device.hostId, accountKey: newAccountKey(systemRandom), signer: alice.device, createdMs: 1 }));
    await rejects(alice.ask('appendChain', { body: { expectedLength: chain.length, entry, grants: [] } }), { code: 'GRANTS_MISSING' });
  });

  test('after it the host is out: its requests, new URLs; the desktop that it held is free', async () => {
    const { desktopId, head } = await thief.desktop('work');
    ok(head);
    const { reader } = await thief.read('work');
    const key = packKeyOf(reader.manifest.public.packs[0]!);
    const { expiresMs } = await thief.ask('mintUrls', { params: { desktopId }, body: { operation: 'get', objects: [{ key }] } });
    ok(expiresMs <= Date.now() + 60_000);
    const done = await a.must('revoke', thief.device.hostId.slice(0, 8), '--yes');
    deepEqual([done.done, done.generation, done.held, done.staying], [true, 2, [{ name: 'work', sequence: 1, acknowledgedMs: head.acknowledgedMs }], ['a']]);
    await rejects(thief.ask('listDesktops'), { code: 'HOST_REVOKED' });
    await rejects(thief.ask('mintUrls', { params: { desktopId }, body: { operation: 'get', objects: [{ key }] } }), { code: 'HOST_REVOKED' });
    const status = await b.ask('status');
    deepEqual([status.error?.code, status.exitCode], ['HOST_REVOKED', 4]);
    equal((await alice.desktop('work')).owner, null);
    equal((await a.must('verify', 'work')).good, true, 'what it committed by then still counts');
    equal((await a.ask('revoke', 'b', '--yes')).error?.code, 'DEVICE_REVOKED');
    equal((await a.ask('revoke', 'a', '--yes')).error?.code, 'DEVICE_LAST');
  });

  test('what is written from then on opens with no secret that the host ever held', async () => {
    await alice.takeGrants();
    const chain = await alice.chain();
    const { desktopId, wrappedKeys } = await alice.desktop('work');
    deepEqual(wrappedKeys.map(({ generation }) => generation), [1, 2]);
    await alice.ask('acquireDesktop', { params: { desktopId }, body: {} });
    await rejects(alice.checkpoint('work', Buffer.from('x'), { keyGeneration: 1 }), { code: 'KEY_GENERATION_OLD' });
    await alice.checkpoint('work', Buffer.from('written after'), { release: true });
    const { reader, manifest } = await alice.read('work');
    ok((await reader.readPage(0, 1))?.includes('written after'));

    const stolen = thief.openKeys(chain, desktopId, wrappedKeys);
    deepEqual([...stolen.keys()], [1]);
    await rejects(alice.read('work', desktopKeys(desktopId, stolen)), { code: 'MANIFEST_INVALID' });
    for (const key of [...stolen.values(), ...thief.accountKeys.values(), thief.device.boxSecret]) {
      await rejects(alice.read('work', desktopKeys(desktopId, new Map([[1, key], [2, key]]))), { code: 'MANIFEST_INVALID' });
      equal(manifest.includes(key.bytes), false);
    }
    const { grants } = await alice.ask('listGrants');
    for (const { bytes } of grants) equal([...thief.accountKeys.values()].some((key) => bytesOf(bytes).includes(key.bytes)), false);
  });

  test('what was written before opens for who stays; rekey wraps its key anew, and --full seals it anew', async () => {
    const before = await alice.desktop('work');
    const verified = await a.must('verify', 'work', '--data');
    deepEqual([verified.good, verified.checkpoints], [true, 2]);
    const { keys, generation, full } = await a.must('rekey', 'work');
    deepEqual([keys, generation, full], [1, 2, null]);
    const wrapped = await alice.desktop('work');
    deepEqual(wrapped.wrappedKeys.map(({ bytes }) => wrappedGenerations(bytesOf(bytes)).generation), [2, 2]);
    notEqual(wrapped.wrappedKeys[0]?.bytes, before.wrappedKeys[0]?.bytes);
    equal((await a.must('rekey', 'work')).keys, 0);
    equal((await a.must('verify', 'work', '--data')).good, true);

    const rewritten = await a.must('rekey', 'work', '--full');
    equal(rewritten.full?.sequence, 3);
    const { reader } = await alice.read('work');
    const { packs, keyGeneration } = reader.manifest.public;
    deepEqual([keyGeneration, new Set(packs.map((pack) => pack.keyGeneration))], [2, new Set([2])]);
    ok((await reader.readPage(0, 0))?.includes('written before'));
    ok((await reader.readPage(0, 1))?.includes('written after'));
    equal((await alice.desktop('work')).owner, null);
    equal((await a.must('verify', 'work', '--data')).good, true);
  });

  test('with its old keys it does not come back: not by a join, not by an entry of its own', async () => {
    const { signPublic, boxPublic, hostId } = thief.device;
    await rejects(thief.ask('createJoin', { body: { signPublic: textOf(signPublic), boxPublic: textOf(boxPublic), name: 'b again' } }), { code: 'ACCOUNT_EXISTS' });
    const chain = await alice.chain();
    throws(() => signAdd(chain, { device: thief.device, name: 'b again', signer: alice.device, createdMs: 1 }), { code: 'DEVICE_REVOKED' });
    const own = { kind: 'add', accountId: chain.accountId, sequence: chain.length, previousHash: chain.headHash, createdMs: 1, signer: hostId, device: createDevice(systemRandom), name: 'of b' } as const;
    const entry = textOf(encodeEntry(own, sign('chain-entry', entryBody(own), thief.device.signSecret)));
    await rejects(thief.ask('appendChain', { body: { expectedLength: chain.length, entry, grants: [] } }), { code: 'HOST_REVOKED' });
    await rejects(alice.ask('appendChain', { body: { expectedLength: chain.length, entry, grants: [] } }), { code: 'CHAIN_SIGNER_REFUSED' });
  });

  test('a signed URL from before the revocation ends within its 60 s; an open event stream at once', async () => {
    const lost = await house.addHost('c', withoutCredentials(house));
    await enrolSecond(a, lost, house.url);
    const insider = new Insider(lost.home);
    const { desktopId } = await insider.desktop('work');
    const { reader } = await insider.read('work');
    const key = packKeyOf(reader.manifest.public.packs[0]!);
    const { urls, expiresMs } = await insider.ask('mintUrls', { params: { desktopId }, body: { operation: 'get', objects: [{ key }] } });
    const url = new URL(urls[0]!.url, house.url);
    const signed = insider.signed('GET', '/v1/events');
    const closed = Promise.withResolvers<number>();
    const socket = new WebSocket(new URL('/v1/events', house.url.replace('http', 'ws')), { headers: signed });
    socket.addEventListener('close', ({ code }) => closed.resolve(code));
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    await a.must('revoke', 'c', '--yes');
    equal(await closed.promise, closeCodes.revoked);
    ok(expiresMs - Date.now() <= 60_000);
    // That it then ends, and that no other time can be put into it: objects.flow.ts, http.test.ts.
    equal(url.searchParams.get('expires'), String(expiresMs));
  });
});
