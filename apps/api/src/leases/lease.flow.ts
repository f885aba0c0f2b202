import { deepEqual, equal, rejects } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { newId, systemRandom, type Fault } from '@godwit/base';
import { bytesOf, textOf, type Desktop } from '@godwit/wire';
import { addHost, commitOf, createDesktop, enrol, raiseStage, uploadPack, type Draft, type Person, type Stage } from '../testing/stage.ts';
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

  test('eight hosts acquire at once: one wins, the others learn its name', async () => {
    const desktopId = await createDesktop(a);
    await a.ask('releaseDesktop', { params: { desktopId }, body: { epoch: 1 } });
    const hosts = [a, b];
    while (hosts.length < 8) hosts.push(await addHost(person, stage.coordinator, `laptop-${hosts.length}`));
    for (let round = 0; round < 3; round += 1) {
      const results = await Promise.allSettled(hosts.map((host) => host.ask('acquireDesktop', { params: { desktopId }, body: {} })));
      const winners = hosts.filter((_, index) => results[index]?.status === 'fulfilled');
      equal(winners.length, 1);
      for (const result of results) if (result.status === 'rejected') equal((result.reason as Fault).code, 'DESKTOP_HELD_ELSEWHERE');
      const { owner, epoch } = await a.ask('readDesktop', { params: { desktopId } });
      deepEqual([owner?.hostId, epoch], [winners[0]?.device.hostId, round + 2]);
      await winners[0]?.ask('releaseDesktop', { params: { desktopId }, body: { epoch } });
    }
  });

  test('eight commits on one head at once: one becomes the head, the others moved', async () => {
    const desktopId = await createDesktop(a);
    const pack = await uploadPack(a, stage.coordinator, desktopId, 1);
    const commits = Array.from({ length: 8 }, () => commitOf(a, { desktopId, epoch: 1, sequence: 1, packs: [pack] }));
    const results = await Promise.allSettled(commits.map((body) => a.ask('commitCheckpoint', { params: { desktopId }, body })));
    equal(results.filter((result) => result.status === 'fulfilled').length, 1);
    for (const result of results) if (result.status === 'rejected') equal((result.reason as Fault).code, 'HEAD_MOVED');
    equal((await a.ask('listCheckpoints', { params: { desktopId }, query: {} })).checkpoints.length, 1);
  });

  test('one commit sent eight times at once, and once more after its release and a move: one checkpoint, one answer', async () => {
    const desktopId = await createDesktop(a);
    const pack = await uploadPack(a, stage.coordinator, desktopId, 1);
    const body = commitOf(a, { desktopId, epoch: 1, sequence: 1, packs: [pack], release: true });
    const answers = await Promise.all(Array.from({ length: 8 }, () => a.ask('commitCheckpoint', { params: { desktopId }, body })));
    await b.ask('acquireDesktop', { params: { desktopId }, body: {} });
    const late = await a.ask('commitCheckpoint', { params: { desktopId }, body });
    for (const answer of answers) deepEqual(answer, late);
    equal((await b.ask('readDesktop', { params: { desktopId } })).owner?.name, 'laptop-b');
    const other = commitOf(a, { desktopId, epoch: 1, sequence: 1, packs: [pack] });
    const reused = { ...body, epoch: other.epoch, release: false };
    await rejects(a.ask('commitCheckpoint', { params: { desktopId }, body: reused }), { code: 'COMMIT_ID_REUSED' });
  });

  test('a commit needs its own manifest, its own signature and every pack as it is stored', async () => {
    const desktopId = await createDesktop(a);
    const params = { desktopId };
    const pack = await uploadPack(a, stage.coordinator, desktopId, 1);
    const commit = (draft: Partial<Draft>) => commitOf(a, { desktopId, epoch: 1, sequence: 1, packs: [pack], ...draft });
    const refused = async (body: ReturnType<typeof commitOf>, code: string): Promise<void> => rejects(a.ask('commitCheckpoint', { params, body }), { code });
    await refused(commit({ packs: [pack, { ...pack, packId: newId(systemRandom) }] }), 'COMMIT_PACK_MISSING');
    await refused(commit({ packs: [{ ...pack, lengthBytes: pack.lengthBytes + 1 }] }), 'COMMIT_PACK_MISSING');
    await refused(commit({ packs: [{ ...pack, digest: Buffer.alloc(32, 1) }] }), 'COMMIT_PACK_MISSING');
    await refused(commit({ sequence: 2 }), 'HEAD_MOVED');
    await refused({ ...commit({}), epoch: 2 }, 'COMMIT_REFUSED');
    await refused(commit({ epoch: 2 }), 'EPOCH_FENCED');
    await refused({ ...commit({}), commitId: newId(systemRandom) }, 'COMMIT_REFUSED');
    await refused(commit({ desktopId: newId(systemRandom) }), 'COMMIT_REFUSED');
    const whole = commit({});
    const bytes = bytesOf(whole.manifest);
    for (const at of [0, 4, 9, 60, bytes.length - 80, bytes.length - 1]) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
      await rejects(a.ask('commitCheckpoint', { params, body: { ...whole, manifest: textOf(flipped) } }), ({ code }: Fault) => ['MANIFEST_INVALID', 'SIGNATURE_INVALID', 'COMMIT_REFUSED'].includes(code));
    }
    await refused({ ...whole, manifest: textOf(bytes.subarray(0, -1)) }, 'MANIFEST_INVALID');
    await a.ask('commitCheckpoint', { params, body: whole });
  });

  test('names are unique in an account whatever the case, and a repeated creation is the same desktop', async () => {
    const desktopId = await createDesktop(a, 'Mail');
    const key = { generation: 1, bytes: textOf(systemRandom(82)) };
    await rejects(a.ask('createDesktop', { body: { desktopId: newId(systemRandom), name: 'mail', wrappedKey: key } }), { code: 'DESKTOP_NAME_TAKEN' });
    equal((await a.ask('createDesktop', { body: { desktopId, name: 'Mail', wrappedKey: key } })).desktopId, desktopId);
    const someoneElse = await enrol(stage.coordinator, 'desk');
    await createDesktop(someoneElse.client, 'Mail');
    for (const name of ['', '../x', 'a b', '-x', 'x'.repeat(64), 'a\u001b[31m']) {
      await rejects(a.ask('createDesktop', { body: { desktopId: newId(systemRandom), name, wrappedKey: key } }), { code: 'REQUEST_INVALID', subject: 'body.name' });
    }
  });
});
