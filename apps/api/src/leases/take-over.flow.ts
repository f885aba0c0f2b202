import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { DesktopId, Fault } from '@godwit/base';
import { packObjectKey } from '@godwit/snapshot';
import { leaseTermMs, takeOverMarginMs, textOf } from '@godwit/wire';
import type { TestClient } from '../testing/client.ts';
import { LeaseClock, renew, saveDesktop, savePolicy, takeOver } from '../testing/lease-world.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { addHost, commitOf, createDesktop, enrol, raiseStage, uploadPack, type Person, type Stage } from '../testing/stage.ts';

const overMs = leaseTermMs + takeOverMarginMs;

describe('a take-over', () => {
  const clock = new LeaseClock();
  let stage: Stage;
  let person: Person;
  let a: TestClient;
  let b: TestClient;

  before(async () => {
    stage = await raiseStage({ clock });
    person = await enrol(stage.coordinator);
    a = person.client;
    b = await addHost(person, stage.coordinator, 'laptop-b');
  });
  after(() => stage[Symbol.asyncDispose]());

  const holdingOf = (client: TestClient, desktopId: DesktopId) => client.ask('readHolding', { params: { desktopId } });
  /** Refused, and for so long yet. */
  const notOver = (waitMs: number) => ({ code: 'LEASE_NOT_OVER', found: `${waitMs / 1000} s` });

  test('of a desktop that is kept happens at once; repeating it answers the same, and everything of the epoch before is fenced', async () => {
    const saved = await saveDesktop(a, stage.coordinator);
    const { desktopId, head, parent } = saved;
    const params = { desktopId };
    const late = await uploadPack(a, stage.coordinator, desktopId, 1, 100);
    deepEqual({ ...(await holdingOf(b, desktopId)), lastContactMs: 0 }, { epoch: 1, holder: 'laptop-a', inReach: false, lastContactMs: 0, offline: 'keep', takeOverInMs: 0 });
    const taken = await takeOver(b, saved, 1);
    deepEqual([taken.epoch, taken.offline, taken.head?.checkpoint.digest, taken.wrappedKeys.length], [2, 'keep', head, 1]);
    deepEqual(await takeOver(b, saved, 1), taken);
    equal((await b.ask('acquireDesktop', { params, body: {} })).epoch, 2);
    equal((await a.ask('readDesktop', { params })).owner?.name, 'laptop-b');

    const key = packObjectKey({ desktopId, epoch: 1, hostId: a.device.hostId, packId: late.packId });
    await rejects(a.ask('mintUrls', { params, body: { operation: 'put', epoch: 1, objects: [{ key, lengthBytes: 1 }] } }), { code: 'EPOCH_FENCED' });
    await rejects(a.ask('commitCheckpoint', { params, body: commitOf(a, { desktopId, epoch: 1, sequence: 2, parent, packs: [late] }) }), { code: 'EPOCH_FENCED' });
    await rejects(a.ask('releaseDesktop', { params, body: { epoch: 1 } }), { code: 'EPOCH_FENCED', found: 'epoch 2, held by laptop-b' });
    await rejects(a.ask('tellDeparture', { params, body: { epoch: 1, state: 'departing', phase: 'ram', doneBytes: 0, totalBytes: null, found: null } }), { code: 'EPOCH_FENCED' });
    await rejects(a.ask('acquireDesktop', { params, body: {} }), { code: 'DESKTOP_HELD_ELSEWHERE' });
    await rejects(savePolicy(a, desktopId, 'stop'), { code: 'DESKTOP_HELD_ELSEWHERE' });
    deepEqual(await renew(a, desktopId, 1), { desktopId, state: 'superseded', epoch: 2, by: 'laptop-b' });
    await rejects(takeOver(a, saved, 1), { code: 'EPOCH_FENCED' });
    equal((await takeOver(a, saved, 2)).epoch, 3, 'its user may take it back');
  });

  test('names the epoch and the head that its user was told of, and needs a checkpoint', async () => {
    const saved = await saveDesktop(a, stage.coordinator);
    const params = { desktopId: saved.desktopId };
    await rejects(takeOver(b, { ...saved, head: textOf(Buffer.alloc(32, 1)) }, 1), { code: 'HEAD_MOVED' });
    await rejects(takeOver(b, saved, 2), { code: 'EPOCH_FENCED' });
    await a.ask('releaseDesktop', { params, body: { epoch: 1 } });
    await rejects(takeOver(b, saved, 1), { code: 'DESKTOP_FREE' });
    deepEqual(await holdingOf(b, saved.desktopId), { epoch: 1, holder: null, inReach: false, lastContactMs: null, offline: 'keep', takeOverInMs: 0 });
    await rejects(takeOver(b, { ...saved, desktopId: await createDesktop(a) }, 1), { code: 'DESKTOP_NEVER_SAVED' });
  });

  test('of a strict desktop waits for its term and the margin after the last renewal, whatever the wall clock says', async () => {
    const saved = await saveDesktop(a, stage.coordinator, 'stop');
    const { desktopId } = saved;
    clock.aheadMs += overMs - 10_000;
    await rejects(takeOver(b, saved, 1), notOver(10_000));
    deepEqual(await renew(a, desktopId, 1), { desktopId, state: 'current', offline: 'stop' });
    await rejects(takeOver(b, saved, 1), notOver(overMs));
    clock.aheadMs += 20_000;
    for (const wallAheadMs of [-200_000, 200_000]) {
      clock.wallAheadMs = wallAheadMs;
      await rejects(takeOver(b, saved, 1), notOver(25_000));
      const { takeOverInMs, offline } = await holdingOf(b, desktopId);
      deepEqual([offline, takeOverInMs], ['stop', 25_000]);
    }
    clock.wallAheadMs = 0;
    deepEqual((await a.ask('acquireDesktop', { params: { desktopId }, body: {} })).offline, 'stop', 'acquiring again renews');
    await rejects(takeOver(b, saved, 1), notOver(overMs));
    clock.aheadMs += overMs - 1;
    await rejects(takeOver(b, saved, 1), notOver(1_000));
    clock.aheadMs += 1;
    const taken = await takeOver(b, saved, 1);
    deepEqual([taken.epoch, taken.offline, taken.offlinePolicy === null], [2, 'stop', false]);
    await rejects(takeOver(a, saved, 2), notOver(overMs));
    deepEqual(await renew(a, desktopId, 1), { desktopId, state: 'superseded', epoch: 2, by: 'laptop-b' });
    await rejects(takeOver(a, saved, 2), notOver(overMs));
    clock.aheadMs += overMs;
    deepEqual(await renew(b, desktopId, 2), { desktopId, state: 'current', offline: 'stop' }, 'whoever is late may renew as long as nobody took it');
    await rejects(takeOver(a, saved, 2), notOver(overMs));
  });

  test('finds every strict lease armed again after the coordinator was restarted', async () => {
    const own = new LeaseClock();
    const databaseUrl = await newDatabaseUrl();
    let running = await raiseStage({ clock: own, databaseUrl });
    const owner = await enrol(running.coordinator);
    const saved = await saveDesktop(owner.client, running.coordinator, 'stop');
    const second = await addHost(owner, running.coordinator, 'laptop-b');
    own.aheadMs += overMs + 60_000;
    deepEqual((await second.ask('readHolding', { params: { desktopId: saved.desktopId } })).takeOverInMs, 0);
    await running[Symbol.asyncDispose]();
    running = await raiseStage({ clock: own, databaseUrl });
    try {
      const again = second.at(running.coordinator);
      await rejects(takeOver(again, saved, 1), notOver(overMs));
      own.aheadMs += overMs;
      equal((await takeOver(again, saved, 1)).epoch, 2);
    } finally {
      await running[Symbol.asyncDispose]();
    }
  });

  test('is for the coordinator that started last: one before it on the same database renews, grants and ends no strict lease', async () => {
    const own = new LeaseClock();
    const databaseUrl = await newDatabaseUrl();
    await using before = await raiseStage({ clock: own, databaseUrl });
    const owner = await enrol(before.coordinator);
    const first = owner.client;
    const other = await addHost(owner, before.coordinator, 'laptop-b');
    const [strict, kept, willBe] = [await saveDesktop(first, before.coordinator, 'stop'), await saveDesktop(first, before.coordinator), await saveDesktop(first, before.coordinator, 'stop')];
    await first.ask('releaseDesktop', { params: { desktopId: willBe.desktopId }, body: { epoch: 1 } });
    own.aheadMs += 10 * overMs;
    await using after = await raiseStage({ clock: own, databaseUrl });
    const elsewhere = { code: 'LEASES_KEPT_ELSEWHERE', kind: 'unavailable' };
    await rejects(renew(first, strict.desktopId, 1), elsewhere);
    await rejects(takeOver(other, strict, 1), elsewhere);
    await rejects(first.ask('acquireDesktop', { params: { desktopId: strict.desktopId }, body: {} }), elsewhere);
    await rejects(other.ask('acquireDesktop', { params: { desktopId: willBe.desktopId }, body: {} }), elsewhere);
    await rejects(savePolicy(first, kept.desktopId, 'stop'), elsewhere);
    deepEqual(await renew(first, kept.desktopId, 1), { desktopId: kept.desktopId, state: 'current', offline: 'keep' });
    equal((await takeOver(other, kept, 1)).epoch, 2);
    deepEqual(await renew(first.at(after.coordinator), strict.desktopId, 1), { desktopId: strict.desktopId, state: 'current', offline: 'stop' });
    await rejects(takeOver(other.at(after.coordinator), strict, 1), notOver(overMs));
    own.aheadMs += overMs;
    equal((await takeOver(other.at(after.coordinator), strict, 1)).epoch, 2);
  });

  test('by eight hosts at once, beside acquisitions and renewals: one wins each round, no epoch is given twice, and the log says so', async () => {
    const saved = await saveDesktop(a, stage.coordinator);
    const { desktopId } = saved;
    const hosts = [a, b];
    for (const name of ['c', 'd', 'e', 'f', 'g', 'h']) hosts.push(await addHost(person, stage.coordinator, `laptop-${name}`));
    const holders = new Map<number, string>([[1, a.device.hostId]]);
    for (let epoch = 1; epoch < 5; epoch += 1) {
      const holder = holders.get(epoch);
      const asking = hosts.filter(({ device }) => device.hostId !== holder).map(async (host) => ({ host, taken: await takeOver(host, saved, epoch) }));
      const beside = hosts.map((host) => host.ask('acquireDesktop', { params: { desktopId }, body: {} }).catch((error: unknown) => (error as Fault).code));
      const results = await Promise.allSettled(asking);
      const wins = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      deepEqual(wins.map(({ taken }) => taken.epoch), [epoch + 1]);
      for (const result of results) if (result.status === 'rejected') equal((result.reason as Fault).code, 'EPOCH_FENCED');
      holders.set(epoch + 1, wins[0]!.host.device.hostId);
      for (const answer of await Promise.all(beside)) ok(answer === 'DESKTOP_HELD_ELSEWHERE' || (typeof answer === 'object' && answer.epoch <= epoch + 1), JSON.stringify(answer));
    }
    const { head } = await a.ask('readReceipt', { params: { desktopId }, query: { kind: 'desktop-taken-over', number: '5' } });
    ok(head.length > 0);
    await rejects(a.ask('readReceipt', { params: { desktopId }, query: { kind: 'desktop-taken-over', number: '6' } }), { code: 'LEAF_NOT_FOUND' });
    await rejects(a.ask('readReceipt', { params: { desktopId }, query: { kind: 'desktop-acquired', number: '2' } }), { code: 'LEAF_NOT_FOUND' });
  });

  test('while the holder commits: either the commit counts and the head has moved, or it is fenced', async () => {
    for (let round = 0; round < 10; round += 1) {
      const saved = await saveDesktop(a, stage.coordinator);
      const params = { desktopId: saved.desktopId };
      const pack = await uploadPack(a, stage.coordinator, saved.desktopId, 1, 100);
      const body = commitOf(a, { desktopId: saved.desktopId, epoch: 1, sequence: 2, parent: saved.parent, packs: [pack], release: round % 2 === 1 });
      const code = (error: unknown): string => (error as Fault).code;
      const commit = (): Promise<string> => a.ask('commitCheckpoint', { params, body }).then(() => 'committed', code);
      const take = (): Promise<string> => takeOver(b, saved, 1).then(() => 'taken', code);
      // Whoever is sent first mostly wins: both have their turn.
      const [first, second] = round % 4 < 2 ? [commit(), take()] : [take(), commit()];
      const outcome = [...(await Promise.all([first, second]))].sort().join(' ');
      ok(['HEAD_MOVED committed', 'DESKTOP_FREE committed', 'EPOCH_FENCED taken'].includes(outcome), outcome);
      const { head, epoch } = await a.ask('readDesktop', { params });
      deepEqual([head?.sequence, epoch], outcome.endsWith('taken') ? [1, 2] : [2, 1]);
    }
  });

  test('a strict desktop is renewed and taken over at once, again and again: a renewal that was accepted is never overtaken', async () => {
    const saved = await saveDesktop(a, stage.coordinator, 'stop');
    let [holder, other, epoch] = [a, b, 1];
    for (let round = 0; round < 12; round += 1) {
      clock.aheadMs += overMs;
      const [taken, ...renewals] = await Promise.all([
        takeOver(other, saved, epoch).then(() => true, (error: unknown) => { equal((error as Fault).code, 'LEASE_NOT_OVER'); return false; }),
        ...Array.from({ length: 4 }, () => renew(holder, saved.desktopId, epoch)),
      ]);
      const current = renewals.some(({ state }) => state === 'current');
      // Both is right only in this order: an answer that it is current, then 45 s, then the take-over. No 45 s went by here.
      equal(taken && current, false, `round ${round}: taken over, and renewed: ${JSON.stringify(renewals)}`);
      ok(taken || current);
      if (taken) [holder, other, epoch] = [other, holder, epoch + 1];
    }
  });
});
