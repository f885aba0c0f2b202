import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { askEveryMs, guardPauseMs, leaseTermMs, renewEveryMs, wakeAnswerMs } from '@godwit/wire';
import { hasCode } from './testing/faults.ts';
import { settle, TestDesktop, World } from './testing/world.ts';

const begin = (context: TestContext): World => new World(context);

describe('a desktop that is kept', () => {
  test('is asked about every 30 s, runs on without an answer, and says so', async (context) => {
    const world = begin(context);
    const desktop = await world.hold();
    equal(desktop.holding, 'confirmed');
    await world.clock.pass(1_000);
    const first = world.coordinator.asked.length;
    await world.clock.pass(4 * askEveryMs);
    equal(world.coordinator.asked.length - first, 4);
    world.coordinator.mood = 'hangs';
    await world.clock.pass(2 * askEveryMs);
    deepEqual([desktop.holding, desktop.runs], ['alone', true]);
    const heardMs = desktop.confirmedWallMs!;
    ok(world.clock.wallMs() - heardMs >= askEveryMs);
    world.coordinator.mood = 'answers';
    world.leases.reconnected();
    await world.clock.pass(300);
    deepEqual([desktop.holding, desktop.held], ['confirmed', 0]);
  });

  test('stops at once when somebody says that it was taken over, and never runs again', async (context) => {
    const world = begin(context);
    const desktop = await world.hold();
    world.leases.changed(desktop.record.desktopId, { epoch: 5, by: 'laptop-a' });
    world.leases.changed(desktop.record.desktopId, { epoch: 4, by: 'laptop-b' });
    await settle();
    ok(desktop.runs, 'its own epoch and older ones are no news');
    world.leases.changed(desktop.record.desktopId, { epoch: 6, by: 'laptop-b' });
    equal(desktop.holding, 'superseded');
    await settle();
    equal(desktop.runs, false);
    world.leases.changed(desktop.record.desktopId, { epoch: 7, by: 'laptop-c' });
    await world.leases.sleep();
    world.leases.woke();
    await world.clock.pass(2 * askEveryMs);
    await desktop.goOn();
    deepEqual([desktop.holding, desktop.runs], ['superseded', false]);
    deepEqual(world.forks, [{ name: 'd1', taken: { by: 'laptop-b', epoch: 6 } }]);
  });

  test('learns that it was taken over from an answer, however old the question', async (context) => {
    const world = begin(context);
    const desktop = await world.hold();
    world.takeOver(desktop);
    world.coordinator.latencyMs = 1_500;
    const word = world.leases.confirm(desktop, 10_000);
    await world.clock.pass(1_000);
    world.clock.sleep(60_000);
    await world.clock.pass(3_000);
    equal(await word, 'superseded');
    deepEqual(world.forks, [{ name: 'd1', taken: { by: 'laptop-b', epoch: 6 } }]);
  });

  test('released at the coordinator and settled here: what is here becomes a fork', async (context) => {
    const world = begin(context);
    const desktop = await world.hold();
    world.coordinator.over.set(desktop.record.desktopId, { desktopId: desktop.record.desktopId, state: 'released' });
    equal(await world.leases.confirm(desktop, wakeAnswerMs), 'released');
    deepEqual(world.forks, [{ name: 'd1', taken: { by: null, epoch: null } }]);
    equal(desktop.runs, false);
  });

  test('of a host that was revoked: it stands still, and is left', async (context) => {
    const world = begin(context);
    const desktop = await world.hold();
    world.coordinator.mood = 'revoked';
    equal(await world.leases.confirm(desktop, wakeAnswerMs), 'superseded');
    await settle();
    deepEqual([desktop.holding, desktop.runs, world.forks.length], ['superseded', false, 1]);
  });

  test('while its commit is under way nobody asks, and no news ends it', async (context) => {
    const world = begin(context);
    const desktop = await world.hold();
    await desktop.update({ stage: 'committing' });
    world.takeOver(desktop);
    const before = world.coordinator.asked.length;
    world.leases.changed(desktop.record.desktopId, { epoch: 6, by: 'laptop-b' });
    equal(await world.leases.confirm(desktop, wakeAnswerMs), 'silence');
    await world.clock.pass(2 * askEveryMs);
    deepEqual([world.coordinator.asked.length - before, world.forks.length, desktop.holding], [0, 0, 'confirmed']);
    await desktop.update({ stage: 'settled' });
    await world.clock.pass(askEveryMs);
    equal(world.forks.length, 1);
  });

  test('unknown to the coordinator, or answered for another desktop: silence, and no fork', async (context) => {
    const world = begin(context);
    const desktop = await world.hold();
    for (const answer of [{ desktopId: desktop.record.desktopId, state: 'unknown' as const }, { desktopId: 'f'.repeat(32) as typeof desktop.record.desktopId, state: 'superseded' as const, epoch: 9, by: 'x' }]) {
      world.coordinator.over.set(desktop.record.desktopId, answer);
      const word = world.leases.confirm(desktop, wakeAnswerMs);
      await world.clock.pass(wakeAnswerMs + 500);
      equal(await word, 'silence');
      deepEqual([desktop.holding, desktop.runs, world.forks.length], ['alone', true, 0]);
    }
  });

  test('65 of them are two questions', async (context) => {
    const world = begin(context);
    for (let count = 0; count < 65; count += 1) await world.hold();
    await world.clock.pass(300);
    deepEqual(world.coordinator.asked, [64, 1]);
  });

  test('a QEMU that does not answer is told again, to go on and to stop', async (context) => {
    const world = begin(context);
    const desktop = await world.hold();
    await world.leases.sleep();
    desktop.stuck = true;
    world.leases.woke();
    await world.clock.pass(2_000);
    deepEqual([desktop.holding, desktop.runs], ['confirmed', false]);
    desktop.stuck = false;
    await world.clock.pass(300);
    deepEqual([desktop.runs, desktop.record.asleep], [true, false]);
    desktop.stuck = true;
    world.leases.superseded(desktop, { by: null, epoch: null });
    await world.clock.pass(2_000);
    ok(desktop.runs);
    desktop.stuck = false;
    await world.clock.pass(300);
    equal(desktop.runs, false);
  });
});

describe('a strict desktop', () => {
  test('is renewed every 5 s, its guard knows each deadline, and that is counted from before the question', async (context) => {
    const world = begin(context);
    const desktop = await world.hold('stop');
    const guard = world.guards.get(desktop.record.desktopId)!;
    equal(guard.deadlineMs, world.clock.bootMs() + leaseTermMs);
    world.coordinator.latencyMs = 900;
    await world.clock.pass(3 * renewEveryMs);
    ok(guard.deadlineMs <= world.coordinator.renewedMs.get(desktop.record.desktopId)! + leaseTermMs - 900);
    ok(guard.deadlineMs >= world.clock.bootMs() + leaseTermMs - renewEveryMs - 2_500);
    deepEqual([desktop.holding, desktop.held], ['confirmed', 0]);
  });

  test('without an answer stands still 8 s before its deadline, not before, and goes on with the next word', async (context) => {
    const world = begin(context);
    const desktop = await world.hold('stop');
    await world.clock.pass(renewEveryMs + 500);
    const { deadlineMs } = world.guards.get(desktop.record.desktopId)!;
    world.coordinator.mood = 'hangs';
    await world.clock.pass(deadlineMs! - guardPauseMs - world.clock.bootMs() - 300);
    deepEqual([desktop.holding, desktop.runs], ['confirmed', true]);
    await world.clock.pass(600);
    deepEqual([desktop.holding, desktop.runs], ['waiting', false]);
    world.coordinator.mood = 'answers';
    await world.clock.pass(2 * renewEveryMs);
    deepEqual([desktop.holding, desktop.runs], ['confirmed', true]);
  });

  test('an answer that comes after the term is worth nothing', async (context) => {
    const world = begin(context);
    const desktop = await world.hold('stop');
    const sentMs = world.clock.bootMs();
    world.clock.stand(leaseTermMs - guardPauseMs);
    await world.leases.renewed(desktop, sentMs);
    await world.clock.pass(50);
    world.leases.tick();
    equal(desktop.holding, 'waiting');
  });

  test('goes on where its guard paused it while the agent was stopped, and the renewal came before anybody looked', async (context) => {
    const world = begin(context);
    const desktop = await world.hold('stop');
    world.clock.stand(leaseTermMs - guardPauseMs + 100);
    desktop.runs = false; // Its guard did that.
    await world.leases.renewed(desktop, world.clock.bootMs() - 10);
    await settle();
    deepEqual([desktop.holding, desktop.runs], ['confirmed', true]);
  });

  test('is renewed while its commit is under way, which alone says how that ends', async (context) => {
    const world = begin(context);
    const desktop = await world.hold('stop');
    await desktop.update({ stage: 'committing' });
    await world.clock.pass(3 * leaseTermMs);
    ok(world.guards.get(desktop.record.desktopId)!.deadlineMs! > world.clock.bootMs() + guardPauseMs);
    desktop.runs = false;
    world.coordinator.over.set(desktop.record.desktopId, { desktopId: desktop.record.desktopId, state: 'released' });
    await world.clock.pass(2 * renewEveryMs);
    deepEqual([desktop.holding, world.forks.length], ['confirmed', 0]);
  });

  test('a guard that died is started again; where that fails the guest stands still until there is one', async (context) => {
    const world = begin(context);
    const desktop = await world.hold('stop');
    const first = world.guards.get(desktop.record.desktopId)!;
    first.alive = false;
    await world.clock.pass(300);
    const second = world.guards.get(desktop.record.desktopId)!;
    ok(second !== first && second.deadlineMs !== null);
    ok(desktop.runs);
    world.guardsStart = false;
    second.alive = false;
    await world.clock.pass(300);
    deepEqual([desktop.holding, desktop.runs, desktop.guardLost], ['waiting', false, true]);
    world.guardsStart = true;
    await world.clock.pass(renewEveryMs + 300);
    deepEqual([desktop.holding, desktop.runs, desktop.guardLost], ['confirmed', true, false]);
  });

  test('a machine that was started anew gets a guard of its own, though that of the one before still lives', async (context) => {
    const world = begin(context);
    const desktop = await world.hold('stop');
    const first = world.guards.get(desktop.record.desktopId)!;
    await world.leases.guardMachine(desktop);
    equal(world.guards.get(desktop.record.desktopId), first);
    await desktop.update({ machine: { pid: 2, startTicks: '2' } });
    world.guards.delete(desktop.record.desktopId);
    await world.leases.guardMachine(desktop);
    ok(world.guards.get(desktop.record.desktopId)!.deadlineMs !== null);
  });

  test('"keep" from the coordinator is no renewal, and somebody is told; "stop" for a kept one is obeyed', async (context) => {
    const world = begin(context);
    const [strict, kept] = [await world.hold('stop'), await world.hold()];
    world.coordinator.offline.set(strict.record.desktopId, 'keep').set(kept.record.desktopId, 'stop');
    await world.clock.pass(leaseTermMs);
    deepEqual([strict.holding, strict.runs], ['waiting', false]);
    ok(world.policiesLost.includes('d1'));
    deepEqual([kept.record.offline, kept.holding, kept.runs], ['stop', 'confirmed', true]);
    ok(world.guards.get(kept.record.desktopId)!.deadlineMs !== null);
  });

  test('starts only with a lease that was confirmed now; a kept one also without word, and none that was taken over', async (context) => {
    const world = begin(context);
    const [strict, kept, lost] = [await world.hold('stop'), await world.hold(), await world.hold()];
    await world.leases.assertMayStart(strict);
    world.coordinator.mood = 'refuses';
    const asked = [rejects(world.leases.assertMayStart(strict), hasCode('LEASE_UNCONFIRMED')), world.leases.assertMayStart(kept)];
    await world.clock.pass(wakeAnswerMs + 500);
    await Promise.all(asked);
    world.takeOver(lost);
    world.coordinator.mood = 'answers';
    await rejects(world.leases.assertMayStart(lost), hasCode('DESKTOP_SUPERSEDED'));
    await rejects(world.leases.guardMachine(lost), hasCode('DESKTOP_SUPERSEDED'));
    world.clock.stand(leaseTermMs);
    await rejects(world.leases.guardMachine(strict), hasCode('LEASE_UNCONFIRMED'));
    world.guardsStart = false;
    const unguarded = world.hold('stop');
    await rejects(world.leases.guardMachine(await unguarded), hasCode('LEASE_UNCONFIRMED'));
  });

  test('becomes kept and strict again while it runs, with and without its guard', async (context) => {
    const world = begin(context);
    const desktop = await world.hold('stop');
    const guard = world.guards.get(desktop.record.desktopId)!;
    await desktop.update({ offline: 'keep' });
    world.coordinator.offline.set(desktop.record.desktopId, 'keep');
    await world.leases.followPolicy(desktop);
    equal(guard.alive, false);
    world.coordinator.mood = 'hangs';
    await world.clock.pass(3 * leaseTermMs);
    deepEqual([desktop.holding, desktop.runs], ['alone', true]);
    await desktop.update({ offline: 'stop' });
    await world.leases.followPolicy(desktop, world.clock.bootMs());
    equal(world.guards.get(desktop.record.desktopId)!.deadlineMs, world.clock.bootMs() + leaseTermMs);
  });
});

describe('an agent that begins', () => {
  const found = (world: World, offline: 'keep' | 'stop', asleep: boolean): TestDesktop => {
    const desktop = new TestDesktop(9, offline);
    desktop.record = { ...desktop.record, asleep };
    world.coordinator.offline.set(desktop.record.desktopId, offline);
    world.leases.watch(desktop);
    return desktop;
  };

  test('lets a kept guest run while it asks, a strict one not, and none that was put to sleep', (context) => {
    const world = begin(context);
    deepEqual([found(world, 'keep', false), found(world, 'stop', false), found(world, 'keep', true)].map(({ holding, mayRun }) => [holding, mayRun]), [['alone', true], ['waiting', false], ['asking', false]]);
  });

  test('what was put to sleep goes on after 2 s without an answer, and its record says that it is awake', async (context) => {
    const world = begin(context);
    const desktop = found(world, 'keep', true);
    await desktop.hold();
    world.coordinator.mood = 'hangs';
    void world.leases.confirm(desktop, wakeAnswerMs);
    await world.clock.pass(wakeAnswerMs - 100);
    equal(desktop.runs, false);
    await world.clock.pass(500);
    deepEqual([desktop.holding, desktop.runs, desktop.record.asleep], ['alone', true, false]);
  });

  test('tells of a desktop that is saved here once the coordinator is in reach', async (context) => {
    const world = begin(context);
    const desktop = await world.hold();
    await desktop.update({ stage: 'saved' });
    world.coordinator.mood = 'refuses';
    await world.clock.pass(askEveryMs);
    equal(world.reached.length, 0);
    world.coordinator.mood = 'answers';
    await world.clock.pass(askEveryMs);
    ok(world.reached.includes('d1'));
  });
});
