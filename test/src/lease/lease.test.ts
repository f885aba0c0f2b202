import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { guardPauseMs, leaseTermMs } from '@godwit/wire';
import { assertGoesOn, assertRefused, createSmall, machineOf, statusOf, waitForStatus } from '../e2e/two-hosts.ts';
import { TcpProxy } from '../faults/tcp-proxy.ts';
import { lastTick, waitForTick, type GuestTick } from '../house/guest.ts';
import { House, type TestHost } from '../house/house.ts';
import { processesOf } from '../house/process-tree.ts';
import { LoginBus, missingForBus } from './login-bus.ts';

const noBus = missingForBus();

/** One desktop on one laptop, whose network can fail and whose logind is ours. Each test goes on where the one before it ended. */
describe('a desktop and its lease', { timeout: 240_000 }, () => {
  const house = new House();
  let bus: LoginBus | undefined;
  let network: TcpProxy;
  let host: TestHost;
  let seen: GuestTick;
  let machine: number;

  before(async () => {
    bus = noBus === undefined ? await LoginBus.start() : undefined;
    await house.startCoordinator();
    network = await TcpProxy.before(house.url);
    host = await house.addHost('laptop', bus === undefined ? {} : { DBUS_SYSTEM_BUS_ADDRESS: bus.address });
    await host.must('init', '--coordinator', network.url, '--name', host.name);
  });
  after(async () => {
    await network.close();
    await house.close();
    await bus?.close();
  });

  test('made with --offline stop: the policy is signed, and it runs with a guard', async () => {
    await createSmall(host, 'work', '--offline', 'stop');
    const policy = await host.must('policy', 'work');
    assert.deepEqual([policy.offline, policy.signedBy, policy.changed], ['stop', 'laptop', false]);
    await host.must('start', 'work');
    seen = await waitForTick(host, 'work', ({ counter }) => counter > 2);
    machine = machineOf(host);
    const status = await statusOf(host, 'work');
    assert.deepEqual([status.offline, status.holding, status.note], ['stop', 'confirmed', 'strict']);
    assert.equal(guards(host).length, 1);
  });

  test('the agent dies: the guard stays, and the next agent asks before the guest goes on', async () => {
    await host.stopAgent('SIGKILL');
    const before = guards(host);
    await host.startAgent();
    await waitForStatus(host, 'work', ({ holding }) => holding === 'confirmed');
    assert.deepEqual([machineOf(host), guards(host)], [machine, before]);
    seen = await assertGoesOn(host, 'work', seen);
  });

  test('the coordinator falls silent: it stands still before its deadline, and goes on with the next word', async (t) => {
    const said = linesOf(host).length;
    network.cut('both', 'silence');
    const cutMs = performance.now();
    // Its own log: `status` asks the coordinator too, and waits for it.
    while (!linesOf(host).slice(said).some((line) => line.includes('"event":"holding"') && line.includes('"to":"waiting"'))) {
      assert.ok(performance.now() - cutMs < leaseTermMs, 'it does not wait');
      await sleep(50);
    }
    const pausedMs = performance.now() - cutMs;
    const still = await lastTick(host, 'work');
    await sleep(1_000);
    assert.deepEqual(await lastTick(host, 'work'), still, 'a guest that stands still says nothing');
    await network.heal();
    const status = await waitForStatus(host, 'work', ({ holding }) => holding === 'confirmed');
    assert.equal(status.note, 'strict');
    t.diagnostic(`paused ${Math.round(pausedMs)} ms after the last word could be said`);
    assert.ok(pausedMs <= leaseTermMs - guardPauseMs + 1_000, `${pausedMs} ms`);
    assert.equal(machineOf(host), machine);
    seen = await assertGoesOn(host, 'work', seen);
  });

  test('the machine sleeps: paused before, written down, asked on waking', { skip: noBus }, async () => {
    bus!.prepareForSleep(true);
    await waitForStatus(host, 'work', ({ holding }) => holding === 'asleep');
    const still = await lastTick(host, 'work');
    assert.equal(recordOf(host).asleep, true);
    await sleep(1_500);
    assert.deepEqual(await lastTick(host, 'work'), still);
    bus!.prepareForSleep(false);
    await waitForStatus(host, 'work', ({ holding }) => holding === 'confirmed');
    seen = await assertGoesOn(host, 'work', seen);
    assert.equal(recordOf(host).asleep, false);
  });

  test('made lenient while it runs: no guard any more, and it runs on alone, under a new agent too', async () => {
    assert.deepEqual([(await host.must('policy', 'work', '--offline', 'keep')).changed, guards(host)], [true, []]);
    network.cut('both');
    await host.stopAgent('SIGKILL');
    await host.startAgent();
    const status = await waitForStatus(host, 'work', ({ holding }) => holding === 'alone');
    assert.match(status.note ?? '', /runs without word from the coordinator since this agent began/);
    assert.equal(machineOf(host), machine);
    seen = await assertGoesOn(host, 'work', seen);
  });

  test('is made strict again only with a word, and does not start without one', async () => {
    assert.equal((await host.ask('policy', 'work', '--offline', 'stop')).error?.kind, 'unavailable');
    assert.equal((await statusOf(host, 'work')).offline, 'keep');
    await network.heal();
    await waitForStatus(host, 'work', ({ holding }) => holding === 'confirmed');
    assert.equal((await host.must('policy', 'work', '--offline', 'stop')).changed, true);
    assert.equal(guards(host).length, 1);
    seen = await assertGoesOn(host, 'work', seen);
    await host.must('stop', 'work', '--force');
    network.cut('both');
    assertRefused(await host.ask('start', 'work'), 'LEASE_UNCONFIRMED', 1, /godwit status/);
    assert.deepEqual(processesOf(join(host.home, 'desktops')), []);
    await network.heal();
    await host.must('start', 'work');
    assert.equal((await statusOf(host, 'work')).holding, 'confirmed');
  });
});

/** The guards that work for desktops of this host. */
function guards(host: TestHost): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
      return words.some((word) => word.endsWith('/guard/main.js')) && words.some((word) => word.startsWith(`${host.home}/`));
    } catch {
      return false; // It ended between the two looks.
    }
  });
}

function recordOf(host: TestHost): { asleep: boolean } {
  const desktops = join(host.home, 'desktops');
  return JSON.parse(readFileSync(join(desktops, readdirSync(desktops)[0]!, 'desktop.json'), 'utf8')) as { asleep: boolean };
}

function linesOf(host: TestHost): string[] {
  return readFileSync(join(host.home, 'agent.log'), 'utf8').split('\n');
}
