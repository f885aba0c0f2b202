import { equal, ok } from 'node:assert/strict';
import { after, test } from 'node:test';
import { addHost, commitOf, createDesktop, dropSharedCluster, enrol, renew, savePolicy, uploadPack, type Draft, type Front } from '@godwit/api/testing';
import { Fault } from '@godwit/base';
import { bytesOf, type ControlProgress } from '@godwit/wire';
import { assertGoesOn, startBusy, waitForState } from '../e2e/two-hosts.ts';
import { waitForWhole } from '../house/guest.ts';
import { enrolSecond, House, type TestHost } from '../house/house.ts';
import { Balancer } from './balancer.ts';
import { Fleet } from './fleet.ts';

const replicas = ['left', 'right'];
/** Longer than the test: the wait is ended by the second signal, once the balancer has noticed. */
const drain = ['--drain', '3600'];
const movers = 2;
const completeMs = 180_000;

after(dropSharedCluster);

/** Two real hosts with a real guest, and beside them others that say to the coordinators all that hosts say: more than two hosts would ask in an hour. */
test('both replicas are replaced while a desktop moves and others move and renew: nothing that was asked for fails', { timeout: 340_000 }, async () => {
  await using fleet = await Fleet.prepare();
  await using balancer = await Balancer.start();
  for (const name of replicas) await balancer.add(name, (await fleet.start(name, drain)).url);
  const front = await frontOf(balancer.url);
  await using house = new House();
  const [a, b] = await Promise.all([house.addHost('laptop-a'), house.addHost('laptop-b')]);
  await a.must('init', '--coordinator', front.url, '--name', a.name);
  await enrolSecond(a, b, front.url);
  let seen = await startBusy(a, 'work');

  const end = new AbortController();
  const load = Promise.all([renewAlways(front, end.signal), ...Array.from({ length: movers }, () => moveAlways(front, end.signal))]);
  // What fails ends the test at once, whatever is being replaced then.
  const beside = <Result>(work: Promise<Result>): Promise<Result> => Promise.race([work, load.then(() => Promise.reject(new Error('the load ended too soon')))]);
  let [from, to]: readonly [TestHost, TestHost] = [a, b];
  for (const name of replicas) {
    await beside(waitUntilInReach(to));
    const told = Promise.withResolvers<ControlProgress>();
    // The other host says what it does: it is under way on both.
    const moving = to.call('move', { name: 'work', to: null, eager: false, confirmed: true }, (progress) => (progress.host === from.name && progress.phase !== 'ask' ? told.resolve(progress) : undefined));
    await beside(Promise.race([told.promise, moving]));
    fleet.signal(name, 'SIGTERM');
    await beside(balancer.left(name));
    fleet.signal(name, 'SIGTERM');
    equal(await beside(fleet.ended(name)), 0);
    const { done, from: left, to: reached } = await beside(moving);
    equal([done, left, reached].join(' '), `true ${from.name} ${to.name}`);
    await beside(balancer.add(name, (await fleet.start(name, drain)).url));
    await beside(balancer.passes(name, 40));
    await beside(waitForWhole(to, 'work', completeMs));
    await waitForState(from, 'work', ['elsewhere']);
    seen = await beside(assertGoesOn(to, 'work', seen));
    [from, to] = [to, from];
  }
  end.abort();
  const [renewals, ...moves] = await load;
  ok(renewals > 0 && moves.every((count) => count > 1), `${renewals} renewals, moves ${moves.join(' and ')}`);
});

async function frontOf(url: string): Promise<Front> {
  const { audience, logKey } = (await (await fetch(`${url}/healthz`)).json()) as { audience: string; logKey: string };
  return { url, audience, logKey: bytesOf(logKey) };
}

/** As the coordinators say: after a replacement the stream of a host needs a moment to be open elsewhere. */
async function waitUntilInReach(to: TestHost): Promise<void> {
  for (;;) {
    const plan = await to.call('move', { name: 'work', to: null, eager: false, confirmed: false }).catch((error: unknown) => {
      if (error instanceof Fault && error.code === 'DESKTOP_HELD_ELSEWHERE') return undefined;
      throw error;
    });
    if (plan !== undefined) return;
  }
}

/** A strict desktop of its own, which has to hear "yours" each time. How often it did. */
async function renewAlways(front: Front, signal: AbortSignal): Promise<number> {
  const { client } = await enrol(front);
  const desktopId = await createDesktop(client);
  await savePolicy(client, desktopId, 'stop');
  let count = 0;
  for (; !signal.aborted; count += 1) {
    equal((await renew(client, desktopId, 1)).state, 'current');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return count;
}

/** A desktop that goes to and fro between the two hosts of an account, with all that a coordinator sees of a move. How often it did. */
async function moveAlways(front: Front, signal: AbortSignal): Promise<number> {
  const person = await enrol(front);
  const hosts = [person.client, await addHost(person, front, 'laptop-b')] as const;
  const desktopId = await createDesktop(hosts[0]);
  let parent: Draft['parent'];
  let count = 0;
  for (; !signal.aborted; count += 1) {
    const [from, to] = count % 2 === 0 ? hosts : [hosts[1], hosts[0]];
    const [epoch, sequence] = [count + 1, count + 1];
    const packs = [await uploadPack(from, front, desktopId, epoch, 1_000)];
    await from.look();
    const body = commitOf(from, { desktopId, epoch, sequence, packs, release: true, ...(parent === undefined ? {} : { parent }) });
    const { digest } = await from.ask('commitCheckpoint', { params: { desktopId }, body });
    parent = { digest, commitId: body.commitId, epoch, sequence };
    const acquired = await to.ask('acquireDesktop', { params: { desktopId }, body: { expectedHeadDigest: digest } });
    equal(acquired.epoch, epoch + 1);
    equal(acquired.head?.checkpoint.digest, digest, 'what one replica committed is the head at the other');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return count;
}
