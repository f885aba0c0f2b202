import { deepEqual, equal, rejects } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Desktop } from '@godwit/wire';
import { addHost, commitOf, createDesktop, enrol, raiseStage, uploadPack, type Person, type Stage } from '../testing/stage.ts';
import type { TestClient } from '../testing/client.ts';

/** Ownership and commits, through the front door and down to a real PostgreSQL. */
describe('a desktop between hosts', () => {
  let stage: Stage;
  let person: Person;
  let a: TestClient;
  let b: TestClient;

  before(async () => {
    stage = await raiseStage();
    person = await enrol(stage.coordinator);
    a = person.client;
    b = await addHost(person, stage.coordinator, 'laptop-b');
  });
  after(() => stage[Symbol.asyncDispose]());

  test('moves: commit with release on a, acquire on b with the next epoch and the head, back again', async () => {
    const desktopId = await createDesktop(a, 'work');
    const pack = await uploadPack(a, stage.coordinator, desktopId, 1);
    const first = commitOf(a, { desktopId, epoch: 1, sequence: 1, packs: [pack], release: true });
    const committed = await a.ask('commitCheckpoint', { params: { desktopId }, body: first });
    deepEqual([committed.sequence, committed.released], [1, true]);
    const free: Desktop = await b.ask('readDesktop', { params: { desktopId } });
    deepEqual([free.owner, free.epoch, free.head?.digest, free.head?.bytes], [null, 1, committed.digest, pack.lengthBytes]);

    const acquired = await b.ask('acquireDesktop', { params: { desktopId }, body: { expectedHeadDigest: committed.digest } });
    equal(acquired.epoch, 2);
    equal(acquired.head?.manifest, first.manifest);
    const held = await a.ask('readDesktop', { params: { desktopId } });
    deepEqual(held.owner, { hostId: b.device.hostId, name: 'laptop-b' });

    const second = await uploadPack(b, stage.coordinator, desktopId, 2);
    const parent = { digest: committed.digest, commitId: first.commitId, epoch: 1, sequence: 1 };
    const next = commitOf(b, { desktopId, epoch: 2, sequence: 2, parent, packs: [pack, second] });
    equal((await b.ask('commitCheckpoint', { params: { desktopId }, body: next })).sequence, 2);
    equal((await b.ask('readDesktop', { params: { desktopId } })).owner?.name, 'laptop-b');
    await b.ask('releaseDesktop', { params: { desktopId }, body: { epoch: 2 } });
    equal((await a.ask('acquireDesktop', { params: { desktopId }, body: {} })).epoch, 3);
    const { checkpoints } = await a.ask('listCheckpoints', { params: { desktopId }, query: {} });
    deepEqual(checkpoints.map(({ sequence, epoch, hostName }) => [sequence, epoch, hostName]), [[2, 2, 'laptop-b'], [1, 1, 'laptop-a']]);
    equal((await a.ask('readManifest', { params: { desktopId, sequence: '1' } })).manifest, first.manifest);
  });

  test('is held by one host: acquire elsewhere names the holder, whoever is not it is fenced', async () => {
    const desktopId = await createDesktop(a);
    await rejects(b.ask('acquireDesktop', { params: { desktopId }, body: {} }), { code: 'DESKTOP_HELD_ELSEWHERE', kind: 'conflict', found: 'laptop-a holds it in epoch 1' });
    await rejects(b.ask('releaseDesktop', { params: { desktopId }, body: { epoch: 1 } }), { code: 'EPOCH_FENCED', kind: 'fenced' });
    equal((await a.ask('acquireDesktop', { params: { desktopId }, body: {} })).epoch, 1);
    await a.ask('releaseDesktop', { params: { desktopId }, body: { epoch: 1 } });
    await a.ask('releaseDesktop', { params: { desktopId }, body: { epoch: 1 } });
    await rejects(a.ask('mintUrls', { params: { desktopId }, body: { operation: 'put', epoch: 1, objects: [{ key: 'd-x/y', lengthBytes: 1 }] } }), { code: 'EPOCH_FENCED' });
  });
});
