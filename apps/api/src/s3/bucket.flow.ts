import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Fault, newId, silentLog, systemClock, systemRandom, type DesktopId, type PackId } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { packObjectKey, signedUrlStore, storeConformance, type ObjectStore } from '@godwit/snapshot';
import { textOf } from '@godwit/wire';
import { openDatabase, type Database } from '../database/database.ts';
import type { TestClient } from '../testing/client.ts';
import { World } from '../testing/prune-world.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { newStageBucket } from '../testing/stage-objects.ts';
import { addHost, commitOf, createDesktop, enrol, raiseStage, uploadPack, type Person, type Stage } from '../testing/stage.ts';

const skip = newStageBucket() === undefined && 'no S3_BUCKET: `npm run test:services` runs these';
const hourMs = 3_600_000;

/** Objects that hosts put into a bucket by themselves, past the coordinator. */
describe('objects in a bucket', { skip }, () => {
  let stage: Stage;
  let person: Person;
  let client: TestClient;
  let desktopId: DesktopId;

  before(async () => {
    stage = await raiseStage();
    person = await enrol(stage.coordinator);
    client = person.client;
    desktopId = await createDesktop(client);
  });
  after(() => stage[Symbol.asyncDispose]());

  const newKey = (): string => packObjectKey({ desktopId, epoch: 1, hostId: client.device.hostId, packId: newId<PackId>(systemRandom) });

  async function mint(body: Parameters<typeof signBody>[0]) {
    const { urls } = await client.ask('mintUrls', { params: { desktopId }, body: signBody(body) });
    return urls[0]!;
  }

  const signBody = (put: { key: string; lengthBytes: number; digest: Buffer }) => ({ operation: 'put' as const, epoch: 1, objects: [{ key: put.key, lengthBytes: put.lengthBytes, sha256: textOf(put.digest) }] });

  test('a URL to put is good for its bytes alone, and nothing of it can be left out', async () => {
    const bytes = systemRandom(3_000);
    const key = newKey();
    const { url, headers } = await mint({ key, lengthBytes: bytes.length, digest: sha256(bytes) });
    const put = async (body: Buffer, change: Record<string, string> = {}) => (await fetch(url, { method: 'PUT', headers: { ...headers, ...change }, body: new Uint8Array(body) })).status;
    equal(await put(systemRandom(3_000)), 400);
    equal(await put(bytes.subarray(1)), 400);
    for (const [name, value] of [['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'], ['x-amz-checksum-sha256', sha256(systemRandom(1)).toString('base64')], ['if-none-match', 'no']] as const) equal(await put(bytes, { [name]: value }), 403, name);
    equal((await fetch(url)).status, 403, 'to get with a URL to put');
    equal((await fetch(url.replace(key, newKey()), { method: 'PUT', headers, body: new Uint8Array(bytes) })).status, 403, 'another key');
    equal(await put(bytes), 200);
    equal(await put(bytes), 412);
    const { urls } = await client.ask('mintUrls', { params: { desktopId }, body: { operation: 'get', objects: [{ key }] } });
    ok(Buffer.from(await (await fetch(urls[0]!.url)).arrayBuffer()).equals(bytes));
    equal((await fetch(urls[0]!.url, { method: 'DELETE' })).status, 403);
  });

  test('a key is for one object: no URL for other bytes is minted, also at another coordinator', async () => {
    const key = newKey();
    const [one, two] = [sha256(Buffer.from('one')), sha256(Buffer.from('two'))];
    await mint({ key, lengthBytes: 3, digest: one });
    await mint({ key, lengthBytes: 3, digest: one });
    for (const put of [{ key, lengthBytes: 3, digest: two }, { key, lengthBytes: 4, digest: one }]) await rejects(mint(put), { code: 'OBJECT_EXISTS' });
    const bare = client.ask('mintUrls', { params: { desktopId }, body: { operation: 'put', epoch: 1, objects: [{ key: newKey(), lengthBytes: 3 }] } });
    await rejects(bare, { code: 'OBJECT_DIGEST_REFUSED' });
  });

  test('the coordinator serves none of it itself', async () => {
    equal((await fetch(new URL('/objects/x', stage.coordinator.url))).status, 404);
  });

  test('a commit looks: what was announced and never came, or came in another length, is missing', async () => {
    const own = await createDesktop(client);
    const pack = await uploadPack(client, stage.coordinator, own, 1, 800);
    const announced = { ...pack, packId: newId<PackId>(systemRandom), key: '' };
    announced.key = packObjectKey(announced);
    await client.ask('mintUrls', { params: { desktopId: own }, body: { operation: 'put', epoch: 1, objects: [{ key: announced.key, lengthBytes: 800, sha256: textOf(pack.digest) }] } });
    const commit = (packs: readonly (typeof pack)[]) => client.ask('commitCheckpoint', { params: { desktopId: own }, body: commitOf(client, { desktopId: own, epoch: 1, sequence: 1, packs }) });
    await rejects(commit([pack, announced]), { code: 'COMMIT_PACK_MISSING' });
    await stage.objects.replace(person.accountId, announced.key, systemRandom(799));
    await rejects(commit([pack, announced]), { code: 'COMMIT_PACK_MISSING' });
    await stage.objects.store.remove(person.accountId, pack.key);
    await rejects(commit([{ ...pack, digest: sha256(systemRandom(1)) }]), { code: 'COMMIT_PACK_MISSING' });
  });

  test('of other hosts of the account each reads, with URLs of its own', async () => {
    const pack = await uploadPack(client, stage.coordinator, desktopId, 1, 500);
    const other = await addHost(person, stage.coordinator, 'laptop-b');
    const { urls } = await other.ask('mintUrls', { params: { desktopId }, body: { operation: 'get', objects: [{ key: pack.key }] } });
    const part = await fetch(urls[0]!.url, { headers: { range: 'bytes=100-199' } });
    deepEqual([part.status, (await part.arrayBuffer()).byteLength], [206, 100]);
  });
});

/** The store as an agent has it, through a coordinator and its bucket. */
describe('the bucket by signed URLs', { skip }, () => {
  let stage: Stage;
  let client: TestClient;

  before(async () => {
    stage = await raiseStage();
    ({ client } = await enrol(stage.coordinator));
  });
  after(() => stage[Symbol.asyncDispose]());

  /** Keys of the suite, as the coordinator's layout has them: one desktop, packs by number. */
  async function open(): Promise<{ store: ObjectStore }> {
    const desktopId = await createDesktop(client);
    const places = new Map<string, string>();
    const nameOf = (key: string): string => {
      const known = places.get(key) ?? packObjectKey({ desktopId, epoch: 1, hostId: client.device.hostId, packId: newId<PackId>(systemRandom) });
      places.set(key, known);
      return known;
    };
    const inner = signedUrlStore({
      clock: systemClock,
      mint: async (operation, objects) => {
        const body = operation === 'get' ? { operation, objects: objects.map(({ key }) => ({ key: nameOf(key) })) } : { operation, epoch: 1, objects: objects.map(({ key, lengthBytes = 0, sha256: digest }) => ({ key: nameOf(key), lengthBytes, ...(digest === undefined ? {} : { sha256: textOf(digest) }) })) };
        const { urls, expiresMs } = await client.ask('mintUrls', { params: { desktopId }, body });
        return urls.map(({ url, headers }, at) => ({ key: objects[at]!.key, url, headers, expiresMs }));
      },
    });
    return { store: inner };
  }

  // The coordinator takes no empty objects: nothing of Godwit is empty.
  storeConformance({ name: 'bucket through a coordinator', lists: false, test: async (title, body) => await test(title, { skip: title.includes('empty') && 'never minted' }, body), open });
});

/** What was announced is on record, so that it can be collected. */
describe('what was announced', { skip }, () => {
  test('and never came, or came and was never committed, goes with its epoch', async () => {
    await using world = await World.raise();
    const line = await world.line();
    const kept = await line.upload();
    await line.commit([kept]);
    const orphan = await line.upload();
    const key = packObjectKey({ ...orphan, packId: newId<PackId>(systemRandom) });
    await world.person.client.ask('mintUrls', { params: { desktopId: line.desktopId }, body: { operation: 'put', epoch: 1, objects: [{ key, lengthBytes: 10, sha256: textOf(orphan.digest) }] } });
    deepEqual((await world.rows()).length, 3);
    await line.release();
    await world.pass(2 * hourMs);
    await world.collector().collect(world.accountId);
    await world.pass(2 * hourMs);
    await world.collector().collect(world.accountId);
    deepEqual([await world.rows(), await world.files()], [[kept.key], [kept.key]]);
  });
});

describe('a coordinator and its bucket', { skip }, () => {
  let db: Database | undefined;
  after(async () => await db?.destroy());

  test('an unfit bucket is refused at the start, one out of reach is not, and jobs tell of it', async () => {
    const s3 = newStageBucket()!;
    await rejects(raiseStage({ s3: { ...s3, secretKey: 'wrong' } }), (error) => error instanceof Fault && error.code === 'STORE_UNFIT' && error.hint.includes('S3_SECRET_ACCESS_KEY'));
    const databaseUrl = await newDatabaseUrl();
    await using stage = await raiseStage({ databaseUrl, s3: { ...s3, endpoint: new URL('http://127.0.0.1:1') }, upkeep: { everyMs: 20 } });
    equal((await fetch(new URL('/healthz', stage.coordinator.url))).status, 200);
    db = openDatabase({ url: databaseUrl }, silentLog);
    const failed = () => db!.selectFrom('job_runs').select('fault').where('job', '=', 'store-check').where('state', '=', 'failed').executeTakeFirst();
    let run = await failed();
    for (let wait = 0; run === undefined && wait < 2_000; wait += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      run = await failed();
    }
    ok(run?.fault?.startsWith('STORE_UNAVAILABLE'), run?.fault ?? 'no run');
  });
});
