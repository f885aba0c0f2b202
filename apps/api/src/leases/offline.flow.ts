import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemRandom, type DesktopId } from '@godwit/base';
import { decodeLeaf, sha256, signOfflinePolicy } from '@godwit/crypto';
import { bytesOf, leaseTermMs, takeOverMarginMs, textOf } from '@godwit/wire';
import type { TestClient } from '../testing/client.ts';
import { LeaseClock, renew, saveDesktop, savePolicy, takeOver } from '../testing/lease-world.ts';
import { addHost, createDesktop, enrol, raiseStage, revokeHost, type Person, type Stage } from '../testing/stage.ts';

const overMs = leaseTermMs + takeOverMarginMs;

describe('an offline policy', () => {
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

  const read = (desktopId: DesktopId) => a.ask('readDesktop', { params: { desktopId } });
  const leafKinds = async (): Promise<{ kind: string; digest: Buffer | null; epoch: number | null; subject: string | null }[]> => {
    const { size } = await a.look();
    return (await a.ask('listLeaves', { query: { size: String(size) } })).leaves.map(({ leaf }) => decodeLeaf(bytesOf(leaf)));
  };

  test('of the holder counts at once, of another host for a free desktop from the next epoch on', async () => {
    const desktopId = await createDesktop(a);
    deepEqual([(await read(desktopId)).offline, (await read(desktopId)).offlinePolicy], ['keep', null]);
    const stored = await savePolicy(a, desktopId, 'stop');
    equal(stored.offline, 'stop');
    deepEqual(await read(desktopId), stored);
    deepEqual(await renew(a, desktopId, 1), { desktopId, state: 'current', offline: 'stop' });
    await rejects(savePolicy(b, desktopId, 'keep'), { code: 'DESKTOP_HELD_ELSEWHERE' });
    await a.ask('releaseDesktop', { params: { desktopId }, body: { epoch: 1 } });
    deepEqual(await renew(a, desktopId, 1), { desktopId, state: 'released' });
    const free = await savePolicy(b, desktopId, 'keep');
    deepEqual([free.owner, free.offline], [null, 'stop'], 'the epoch that is over stays what it was');
    const acquired = await a.ask('acquireDesktop', { params: { desktopId }, body: {} });
    deepEqual([acquired.epoch, acquired.offline, acquired.offlinePolicy], [2, 'keep', free.offlinePolicy]);
    equal((await read(desktopId)).offline, 'keep');
    equal((await savePolicy(a, desktopId, 'stop')).offline, 'stop');
    equal((await savePolicy(a, desktopId, 'keep')).offline, 'keep');
  });

  test('is taken from its signer only, for its desktop only, and never an older one after a later one', async () => {
    const desktopId = await createDesktop(a);
    const params = { desktopId };
    const save = (client: TestClient, policy: Buffer) => client.ask('saveOfflinePolicy', { params, body: { policy: textOf(policy) } });
    const sign = (signedMs: number, mode: 'keep' | 'stop' = 'stop', of = desktopId, by = a): Buffer => signOfflinePolicy({ desktopId: of, mode, signedMs }, by.device);
    await rejects(save(a, sign(5, 'stop', await createDesktop(a))), { code: 'POLICY_INVALID' });
    await rejects(save(a, sign(5, 'stop', desktopId, b)), { code: 'SIGNATURE_INVALID' });
    await rejects(save(a, systemRandom(110)), { code: 'POLICY_INVALID' });
    const flipped = sign(5);
    flipped.writeUInt8(0, 5);
    await rejects(save(a, flipped), { code: 'SIGNATURE_INVALID' });
    await save(a, sign(5));
    await rejects(save(a, sign(4, 'keep')), { code: 'POLICY_OUTDATED' });
    await rejects(save(a, sign(5, 'keep')), { code: 'POLICY_OUTDATED' });
    const before = (await leafKinds()).length;
    deepEqual(await save(a, sign(5)), await read(desktopId), 'the same again changes nothing');
    equal((await leafKinds()).length, before);
    await save(a, sign(6, 'keep'));
    const saved = (await leafKinds()).filter(({ kind }) => kind === 'offline-policy-saved').slice(-2);
    deepEqual(saved.map(({ digest }) => digest), [sha256(sign(5)), sha256(sign(6, 'keep'))]);
  });

  test('that makes a held desktop strict begins its first term, and one that makes it lenient ends it', async () => {
    const saved = await saveDesktop(a, stage.coordinator);
    clock.aheadMs += 10 * overMs;
    await savePolicy(a, saved.desktopId, 'stop');
    clock.aheadMs += overMs - 5_000;
    await rejects(takeOver(b, saved, 1), { code: 'LEASE_NOT_OVER' });
    await savePolicy(a, saved.desktopId, 'keep');
    equal((await takeOver(b, saved, 1)).epoch, 2);
    const taken = (await leafKinds()).filter(({ kind }) => kind === 'desktop-taken-over').at(-1);
    deepEqual([taken?.epoch, taken?.subject], [2, a.device.hostId], 'the leaf names from whom');
  });

  test('renewals of many desktops in one request: each in its order, each by its own state', async () => {
    const [mine, released, taken] = [await createDesktop(a), await createDesktop(a), await saveDesktop(a, stage.coordinator)];
    const theirs = await createDesktop(b);
    await savePolicy(a, mine, 'stop');
    await a.ask('releaseDesktop', { params: { desktopId: released }, body: { epoch: 1 } });
    await takeOver(b, taken, 1);
    const nobodys = 'ab'.repeat(16);
    const asked = [nobodys, theirs, taken.desktopId, released, mine, mine].map((desktopId, at) => ({ desktopId, epoch: at === 5 ? 2 : 1 }));
    const { leases } = await a.ask('renewLeases', { body: { leases: asked as { desktopId: DesktopId; epoch: number }[] } });
    deepEqual(leases, [
      { desktopId: nobodys, state: 'unknown' },
      { desktopId: theirs, state: 'unknown' },
      { desktopId: taken.desktopId, state: 'superseded', epoch: 2, by: 'laptop-b' },
      { desktopId: released, state: 'released' },
      { desktopId: mine, state: 'current', offline: 'stop' },
      { desktopId: mine, state: 'unknown' },
    ]);
  });

  test('decides what a revocation does: kept desktops are free at once, strict ones when their guest is over for certain', async () => {
    const lost = await addHost(person, stage.coordinator, 'lost');
    const [kept, strict] = [await saveDesktop(lost, stage.coordinator), await saveDesktop(lost, stage.coordinator, 'stop')];
    const empty = await createDesktop(lost);
    await savePolicy(lost, empty, 'stop');
    await revokeHost(person, lost);
    equal((await read(kept.desktopId)).owner, null);
    equal((await read(empty)).owner, null, 'nothing of it could run anywhere else');
    equal((await a.ask('acquireDesktop', { params: { desktopId: kept.desktopId }, body: {} })).epoch, 2);
    equal((await read(strict.desktopId)).owner?.name, 'lost');
    await rejects(renew(lost, strict.desktopId, 1), { code: 'HOST_REVOKED' });
    await rejects(a.ask('acquireDesktop', { params: { desktopId: strict.desktopId }, body: {} }), { code: 'DESKTOP_HELD_ELSEWHERE' });
    await rejects(takeOver(a, strict, 1), { code: 'LEASE_NOT_OVER' });
    clock.aheadMs += overMs;
    equal((await takeOver(a, strict, 1)).epoch, 2);
    const { desktops } = await a.ask('listDesktops');
    ok(desktops.every(({ owner }) => owner?.name !== 'lost'), 'nothing is left with a host that is gone');
  });
});
