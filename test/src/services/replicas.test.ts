import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { addHost, dropSharedCluster, enrol, EventListener, firstAdmin, LeaseClock, newDatabaseUrl, raiseStage, renew, saveDesktop, takeOver, type Person, type Stage, TestBrowser, type TestClient } from '@godwit/api/testing';
import type { Fault } from '@godwit/base';
import { leaseTermMs, takeOverMarginMs } from '@godwit/wire';
import { WebSocket } from 'ws';
import { startRedis, type RedisServer } from './redis.ts';

const overMs = leaseTermMs + takeOverMarginMs;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Looks until it is so; the test's own limit ends it. */
async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await sleep(50);
}

after(dropSharedCluster);

describe('two coordinators on one database, which find each other through a Redis', { timeout: 120_000 }, () => {
  const clock = new LeaseClock();
  let directory: string;
  let redis: RedisServer;
  let databaseUrl: string;
  let left: Stage;
  let right: Stage;
  let person: Person;
  /** The same host at the one and at the other; `other` is another one, at the right. */
  let a: TestClient;
  let aRight: TestClient;
  let other: TestClient;

  before(async () => {
    directory = await mkdtemp('/tmp/godwit-r-');
    [redis, databaseUrl] = [await startRedis(directory), await newDatabaseUrl()];
    const options = { clock, databaseUrl, redisUrl: redis.url, publicOrigin: 'https://godwit.test' };
    [left, right] = [await raiseStage(options), await raiseStage(options)];
    person = await enrol(left.coordinator);
    a = person.client;
    other = (await addHost(person, left.coordinator, 'laptop-b')).at(right.coordinator);
    aRight = a.at(right.coordinator);
    await Promise.all([other.look(), aRight.look()]);
  });
  after(async () => {
    await right[Symbol.asyncDispose]();
    await left[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  test('are one coordinator to a host: one audience, one log key, and a request is good once at both together', async () => {
    deepEqual([left.coordinator.audience, left.coordinator.logKey], [right.coordinator.audience, right.coordinator.logKey]);
    const headers = a.headers('GET', '/v1/hosts', '');
    equal((await fetch(`${left.coordinator.url}/v1/hosts`, { headers })).status, 200);
    const again = await fetch(`${right.coordinator.url}/v1/hosts`, { headers });
    equal(((await again.json()) as { code: string }).code, 'REQUEST_REPLAYED');
  });

  test('what happens at one is told to who listens at the other, and who listens there is in reach', async () => {
    const stream = await EventListener.open(right.coordinator, aRight);
    const { desktopId } = await saveDesktop(a, left.coordinator);
    equal((await stream.until('desktop-changed')).desktopId, desktopId);
    const inReach = async (): Promise<boolean> => (await a.ask('readHolding', { params: { desktopId } })).inReach;
    await until(inReach);
    await other.at(left.coordinator).ask('askDeparture', { params: { desktopId }, body: { epoch: 1 } });
    deepEqual(await stream.until('departure-asked'), { type: 'departure-asked', desktopId, epoch: 1, by: 'laptop-b' });
    await stream.close();
    await until(async () => !(await inReach()));
  });

  test('a strict desktop that renews at one is not taken over at the other before its term and the margin are over', async () => {
    const saved = await saveDesktop(a, left.coordinator, 'stop');
    clock.aheadMs += overMs - 10_000;
    deepEqual(await renew(a, saved.desktopId, 1), { desktopId: saved.desktopId, state: 'current', offline: 'stop' });
    clock.aheadMs += 20_000;
    equal((await other.ask('readHolding', { params: { desktopId: saved.desktopId } })).takeOverInMs, overMs - 20_000);
    await rejects(takeOver(other, saved, 1), { code: 'LEASE_NOT_OVER', found: `${(overMs - 20_000) / 1000} s` });
    deepEqual(await renew(a, saved.desktopId, 1), { desktopId: saved.desktopId, state: 'current', offline: 'stop' }, 'a take-over that was refused changes nothing');
    clock.aheadMs += overMs - 1;
    await rejects(takeOver(other, saved, 1), { code: 'LEASE_NOT_OVER' });
    clock.aheadMs += 1;
    equal((await takeOver(other, saved, 1)).epoch, 2);
    deepEqual(await renew(a, saved.desktopId, 1), { desktopId: saved.desktopId, state: 'superseded', epoch: 2, by: 'laptop-b' });
  });

  test('renewals at both while it is taken over at either: never is one accepted after the other has it', async () => {
    for (let round = 0; round < 12; round += 1) {
      const saved = await saveDesktop(a, left.coordinator, 'stop');
      clock.aheadMs += overMs;
      const taker = round % 2 === 0 ? other : other.at(left.coordinator);
      const [taken, ...renewals] = await Promise.all([
        takeOver(taker, saved, 1).then(() => true, () => false),
        ...[a, aRight, a, aRight].map((client) => renew(client, saved.desktopId, 1)),
      ]);
      equal(taken && renewals.some(({ state }) => state === 'current'), false, `round ${round}: ${JSON.stringify([taken, renewals])}`);
      ok(taken || renewals.every(({ state }) => state === 'current'), `round ${round}: ${JSON.stringify([taken, renewals])}`);
    }
  });

  test('a sign-in that was begun at one ends at the other, its ticket opens a stream there, and its end is known to both', async () => {
    const admin = await firstAdmin(left.coordinator);
    const elsewhere = (): TestBrowser => Object.assign(admin.elsewhere(), { coordinator: right.coordinator, cookie: admin.cookie });
    const { ceremonyId, options } = await admin.ask('beginSignIn', { body: {} });
    const session = await elsewhere().ask('signIn', { body: { ceremonyId, response: admin.authenticator.get(options) } });
    equal(session.operator.name, 'Ada');
    await rejects(admin.ask('signIn', { body: { ceremonyId, response: admin.authenticator.get(options) } }), { code: 'PASSKEY_REFUSED' }, 'it is good once');
    const { ticket } = await admin.ask('operatorTicket');
    const url = `${right.coordinator.url.replace('http', 'ws')}/v1/operator/events?ticket=${ticket}`;
    const socket = new WebSocket(url, { headers: { origin: right.coordinator.origin } });
    const said: { type: string }[] = [];
    socket.on('message', (data: Buffer) => said.push(JSON.parse(data.toString()) as { type: string }));
    await new Promise((resolve) => socket.once('message', resolve));
    const { desktopId } = await saveDesktop(a, left.coordinator);
    await until(() => Promise.resolve(said.some((message) => message.type === 'desktop-changed' && 'desktopId' in message && message.desktopId === desktopId)));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await admin.ask('signOut');
    await closed;
    const second = new WebSocket(url, { headers: { origin: right.coordinator.origin } });
    await new Promise((resolve) => second.once('error', resolve));
  });

  test('what one may ask of both together is what one may ask of one', async () => {
    const small = { perAddress: { burst: 1_000, perSecond: 0 }, inTotal: { burst: 8, perSecond: 0 } };
    const options = { databaseUrl: await newDatabaseUrl(), redisUrl: redis.url, rates: small };
    await using one = await raiseStage(options);
    await using two = await raiseStage(options);
    const asked = async ({ coordinator }: Stage): Promise<number> => {
      const browser = new TestBrowser(coordinator);
      let taken = 0;
      while (await browser.ask('signInWays').then(() => true, (error: unknown) => { equal((error as Fault).code, 'RATE_LIMITED'); return false; })) taken += 1;
      return taken;
    };
    deepEqual([await asked(one), await asked(two)], [4, 4]);
  });

  test('while Redis is away nothing fails open: it says so, strict desktops stay, the others go on; then all is well again', async () => {
    const [strict, kept] = [await saveDesktop(a, left.coordinator, 'stop'), await saveDesktop(a, left.coordinator)];
    const stream = await EventListener.open(right.coordinator, aRight);
    const ended = new Promise((resolve) => stream.socket.once('close', resolve));
    await redis.kill();
    clock.aheadMs += 10 * overMs;
    await rejects(takeOver(other, strict, 1), { code: 'LEASE_NOT_OVER' });
    equal((await takeOver(other, kept, 1)).epoch, 2);
    await until(async () => (await fetch(`${right.coordinator.url}/readyz`)).status === 503);
    await redis.start();
    // News were lost: the stream ended, so that its host reads again.
    await ended;
    await until(async () => (await fetch(`${right.coordinator.url}/readyz`)).status === 200);
    const again = await EventListener.open(right.coordinator, aRight);
    const { desktopId } = await saveDesktop(a, left.coordinator);
    await until(() => Promise.resolve(again.seen.some((message) => message.type === 'desktop-changed' && message.desktopId === desktopId)));
    await again.close();
    clock.aheadMs += overMs;
    await until(() => takeOver(other, strict, 1).then(({ epoch }) => epoch === 2, () => false));
  });
});
