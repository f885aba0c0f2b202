import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bucket, s3SettingsOf } from '@godwit/api';
import { commitOf, createDesktop, dropSharedCluster, enrol, holdLock, newDatabaseUrl, rowsOf, uploadPack, type Person } from '@godwit/api/testing';
import { systemClock } from '@godwit/base';
import { run } from '../docs/programs.ts';
import { assertGoesOn, startBusy } from '../e2e/two-hosts.ts';
import { waitForWhole } from '../house/guest.ts';
import { coordinatorProgram, enrolSecond, House } from '../house/house.ts';
import { lockForOneDay, startCeph, type Ceph } from './ceph.ts';
import { CoordinatorProcess } from './coordinator-process.ts';
import { freePort, startRedis, type RedisServer } from './redis.ts';

after(dropSharedCluster);

/** What names this bucket as the second to a coordinator. */
function secondEnvironment(ceph: Ceph, bucket: string): Record<string, string> {
  return Object.fromEntries(Object.entries(ceph.environmentOf(bucket)).map(([name, value]) => [`REPLICA_${name}`, value]));
}

async function lyingIn(ceph: Ceph, bucket: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const { key, lengthBytes } of new Bucket(s3SettingsOf(ceph.environmentOf(bucket))!, systemClock).objects.list('a-')) found.set(key, lengthBytes);
  return found;
}

/** Looks until it is so; the test's own limit ends it. */
async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await sleep(50);
}

describe('a second bucket on a real gateway', { timeout: 300_000 }, () => {
  let directory: string;
  let redis: RedisServer;
  let ceph: Ceph;
  let databaseUrl: string;

  before(async () => {
    directory = await mkdtemp('/tmp/godwit-2-');
    await mkdir(join(directory, 'redis'));
    [redis, ceph, databaseUrl] = [await startRedis(join(directory, 'redis')), await startCeph(), await newDatabaseUrl()];
    for (const bucket of ['first', 'second']) await ceph.client.makeBucket(bucket);
  });
  after(async () => {
    await ceph[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  const start = (name: string, environment: Record<string, string>, words: readonly string[] = []) =>
    CoordinatorProcess.start(join(directory, name), { DATABASE_URL: databaseUrl, REDIS_URL: redis.url, ...environment }, ['--upkeep', '0.1', '--public-origin', 'https://godwit.test', ...words]);
  const rows = <Row extends object>(text: string, values: readonly unknown[] = []) => rowsOf<Row>(databaseUrl, text, values);
  const both = () => ({ ...ceph.environmentOf('first'), ...secondEnvironment(ceph, 'second') });
  const count = async (text: string, values: readonly unknown[] = []) => Number((await rows<{ count: string }>(`select count(*) as count from ${text}`, values))[0]?.count);

  async function save(person: Person, coordinator: CoordinatorProcess, packs: number) {
    const desktopId = await createDesktop(person.client);
    const uploaded = [];
    for (let n = 0; n < packs; n += 1) uploaded.push(await uploadPack(person.client, coordinator.front, desktopId, 1, 2_000 + n));
    await person.client.ask('commitCheckpoint', { params: { desktopId }, body: commitOf(person.client, { desktopId, epoch: 1, sequence: 1, packs: uploaded }) });
    return uploaded;
  }

  test('goes on after kill -9 in mid-round at another coordinator, and is the store when the first is gone; what it has not is told', async () => {
    const left = await start('left', both());
    const person = await enrol(left.front);
    const held = await holdLock(databaseUrl, 7);
    // The note of any copy but the first twenty waits for this test.
    await rows(`create function hold() returns trigger language plpgsql as $$ begin if (select count(*) from second_copies where copied_at is not null) >= 20 then perform pg_advisory_xact_lock(7); end if; return new; end $$`);
    await rows(`create trigger hold before update of copied_at on second_copies for each row when (new.copied_at is not null) execute function hold()`);
    const packs = await save(person, left, 40);
    await until(async () => (await count(`pg_stat_activity where wait_event_type = 'Lock' and wait_event = 'advisory' and datname = current_database()`)) > 0);
    equal(await left.end('SIGKILL'), 'SIGKILL');
    // Of a client that is gone the server would still do what it waited for.
    await rows(`select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'advisory' and datname = current_database()`);
    const noted = await count('second_copies where copied_at is not null');
    const there = await lyingIn(ceph, 'second');
    ok(noted >= 20 && noted < there.size && there.size < packs.length, `${noted} noted, ${there.size} put of ${packs.length}`);
    await rows('drop trigger hold on second_copies');
    await held[Symbol.asyncDispose]();

    const right = await start('right', both());
    await until(async () => (await count('second_copies where copied_at is not null')) === packs.length);
    deepEqual(await lyingIn(ceph, 'second'), await lyingIn(ceph, 'first'));
    equal((await fetch(new URL('/readyz', right.front.url))).status, 200);
    equal(await right.end('SIGTERM'), 0);

    // The first is gone, and so is one object of the second.
    for (const [key] of await lyingIn(ceph, 'first')) await ceph.client.removeObject('first', key);
    await ceph.client.removeBucket('first');
    const lost = packs[3]!.key;
    await ceph.client.removeObject('second', `a-${person.accountId}/${lost}`);
    const next = await start('left', ceph.environmentOf('second'));
    await until(async () => (await count(`scrubs where finding is not null`)) > 0);
    await until(async () => (await count('coordinator where store_looked_to is null')) === 1);
    deepEqual(await rows('select object_key as key, finding from scrubs where finding is not null'), [{ key: lost, finding: 'missing' }]);
    const { urls } = await person.client.at(next.front).ask('mintUrls', { params: { desktopId: packs[4]!.desktopId }, body: { operation: 'get', objects: [{ key: packs[4]!.key }] } });
    equal((await fetch(urls[0]!.url)).status, 200);
    equal(await next.end('SIGTERM'), 0);
  });

  test('lets go of what was deleted after its grace time, but for what its lock keeps; one that is away or unfit is told, and nobody waits for it', async () => {
    await ceph.client.makeBucket('main');
    await ceph.client.makeBucket('locked', '', { ObjectLocking: true });
    await lockForOneDay(ceph.client, 'locked');
    const environment = { ...ceph.environmentOf('main'), DATABASE_URL: await newDatabaseUrl(), REDIS_URL: redis.url };
    databaseUrl = environment.DATABASE_URL;
    const open = { ...environment, ...secondEnvironment(ceph, 'second'), REPLICA_S3_PREFIX: 'other' };
    const words = ['--replica-grace', '0'];
    const away = await start('a', { ...open, REPLICA_S3_SECRET_ACCESS_KEY: 'wrong' }, words);
    const person = await enrol(away.front);
    const packs = await save(person, away, 3);
    await until(async () => (await count(`job_runs where job = 'replicate' and state = 'failed' and fault like 'STORE_UNFIT%'`)) > 0);
    equal((await fetch(new URL('/readyz', away.front.url))).status, 200);
    equal(await away.end('SIGTERM'), 0);

    const well = await start('a', open, words);
    await until(async () => (await count('second_copies where copied_at is not null')) === 3);
    equal(await well.end('SIGTERM'), 0);
    const locked = await start('a', { ...environment, ...secondEnvironment(ceph, 'locked') }, words);
    await until(async () => (await count('second_copies where copied_at is not null')) === 6);
    // As if nothing had ever needed it.
    await rows('delete from objects where object_key = $1', [packs[0]!.key]);
    await until(async () => (await count(`job_runs where job = 'replicate' and state = 'done' and (figures->>'locked')::int = 1`)) > 0);
    equal((await lyingIn(ceph, 'locked')).size, 3);
    equal(await locked.end('SIGTERM'), 0);

    const again = await start('a', open, words);
    await until(async () => (await count(`job_runs where job = 'replicate' and state = 'done' and (figures->>'removed')::int = 1`)) > 0);
    const left = new Bucket(s3SettingsOf({ ...ceph.environmentOf('second'), S3_PREFIX: 'other' })!, systemClock);
    deepEqual([await left.objects.size(`a-${person.accountId}/${packs[0]!.key}`), await left.objects.size(`a-${person.accountId}/${packs[1]!.key}`)], [undefined, packs[1]!.lengthBytes]);
    equal((await lyingIn(ceph, 'main')).size, 3, 'the first is only read');
    equal(await again.end('SIGTERM'), 0);

    const check = (bucket: string) => run(process.execPath, [coordinatorProgram, 'store', 'check', '--replica'], { environment: { ...environment, ...secondEnvironment(ceph, bucket) } });
    const said = await check('second');
    deepEqual([said.exitCode, /^bucket second at [^]*verdict: it does all that Godwit needs$/m.test(said.stdout)], [0, true], said.stdout + said.stderr);
    match((await check('main')).stderr, /REPLICA_S3_BUCKET.*\[COORDINATOR_OPTIONS\]/s);
  });
});

/** Without Redis, and with a directory as the first store: real hosts, real QEMU. */
test('desktops go on from a second bucket and a backup when the coordinator and its directory of objects are gone', { timeout: 300_000 }, async () => {
  await using ceph = await startCeph();
  await ceph.client.makeBucket('second');
  await using house = new House();
  const port = await freePort();
  const words = ['--upkeep', '0.2', '--metrics', `127.0.0.1:${port}`];
  await house.startCoordinator('127.0.0.1:0', words, secondEnvironment(ceph, 'second'));
  const address = new URL(house.url).host;
  const [a, b] = await Promise.all([house.addHost('laptop-a'), house.addHost('laptop-b')]);
  await a.must('init', '--coordinator', house.url, '--name', a.name);
  await enrolSecond(a, b, house.url);
  const seen = await startBusy(a, 'work');
  await a.suspend('work');
  // Its figures may be some seconds old: those of a coordinator that begins now are not.
  await house.stopCoordinator();
  await house.startCoordinator(address, words, secondEnvironment(ceph, 'second'));
  const figures = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  await until(async () => /^godwit_second_bucket_objects\{kind="behind"\} 0$/m.test(await figures()) && !/^godwit_second_bucket_objects\{kind="copied"\} 0$/m.test(await figures()));

  const [data, kept] = [dirname(house.objectsDirectory), join(house.directory, 'kept')];
  const command = async (...told: string[]) => {
    const { exitCode, stdout, stderr } = await run(process.execPath, [coordinatorProgram, ...told, '--data', data], { environment: told[0] === 'restore' ? ceph.environmentOf('second') : {} });
    equal(exitCode, 0, stderr);
    return stdout;
  };
  const { path } = JSON.parse(await command('backup', '--to', kept, '--json')) as { path: string };
  await house.stopCoordinator();
  await rm(data, { recursive: true });
  await rm(join(kept, 'objects'), { recursive: true });
  await command('restore', '--from', path);

  await house.startCoordinator(address, [], ceph.environmentOf('second'));
  equal((await b.must('verify', 'work', '--data')).good, true);
  await b.must('resume', 'work');
  await waitForWhole(b, 'work', 120_000);
  await assertGoesOn(b, 'work', seen);
  await b.suspend('work');
  equal(existsSync(house.objectsDirectory), false, 'nothing lies on the disk of the coordinator');
});
