import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GuestTick } from '../house/guest.ts';
import { waitForTick } from '../house/guest.ts';
import { TcpProxy } from '../faults/tcp-proxy.ts';
import { enrolSecond, House, type TestHost } from '../house/house.ts';
import { assertGoesOn, assertNothingLeft, assertRefused, machineOf, packsOf, startBusy, statusOf, tickOf, waitForState, waitForStatus, waitForUpload, type TwoHosts } from './two-hosts.ts';

/** Each program of the house is killed at the worst moment. Nothing that was acknowledged is lost, and nothing is left in between. */
describe('a program that dies', { timeout: 240_000 }, () => {
  let hosts: TwoHosts;
  let network: TcpProxy;
  let seen: GuestTick;

  before(async () => {
    const house = new House();
    await house.startCoordinator();
    network = await TcpProxy.before(house.url);
    const [a, b] = await Promise.all([house.addHost('laptop-a'), house.addHost('laptop-b')]);
    hosts = { house, a, b };
    await a.must('init', '--coordinator', network.url, '--name', a.name);
    await enrolSecond(a, b, house.url);
    seen = await startBusy(a, 'work');
  });
  after(async () => {
    await network.close();
    await hosts.house.close();
  });

  test('the command line, with Ctrl-C while its suspend captures, and while it uploads: rolled back, and the guest runs on', async () => {
    const { house, a } = hosts;
    for (const [moment, phases] of [
      [() => waitForState(a, 'work', ['departing']), /^(check|prepare|capture)$/],
      // Uploads overlap the capture: which of them it is then is the machine's affair.
      [() => waitForUpload(house, packsOf(house).length + 3), /^(capture|freeze|upload)$/],
    ] as const) {
      const { exitCode, stderr } = await a.run(['suspend', 'work', '--limit', '8M'], undefined, moment());
      assert.equal(exitCode, 130, stderr);
      assert.match(stderr, /^calling it off.*\ngodwit: rolled back: work runs on here\n$/);
      assert.match(rolledBackIn(a), phases);
      seen = await assertGoesOn(a, 'work', seen);
      assert.deepEqual(await statusOf(a, 'work').then(({ state, note }) => [state, note]), ['running', null]);
    }
    assert.deepEqual((await a.must('history', 'work')).checkpoints, []);
    assert.equal(incomingOf(house), 0);
  });

  test('the coordinator, in the middle of an upload: it is waited for, and what had arrived is not sent again', async () => {
    const { house, a } = hosts;
    const listen = new URL(house.url).host;
    const before = packsOf(house).length;
    const suspending = a.ask('suspend', 'work', '--limit', '16M');
    await waitForUpload(house, before + 3);
    await house.stopCoordinator('SIGKILL');
    const stored = packsOf(house).map((path) => basename(path));
    const passedBefore = network.passed.length;
    await waitForStatus(a, 'work', ({ note }) => note?.includes('waits for the store: ') === true);
    await house.startCoordinator(listen);
    const { exitCode, result, stdout, stderr } = await suspending;
    assert.equal(exitCode, 0, stdout);
    assert.match(stderr, /waits for the store: .*\n(.*\n)*.*the store is back/);
    assert.ok(result?.safe === true);
    const sentAfter = network.passed.slice(passedBefore).filter(({ method, place }) => method === 'PUT' && place === 'store').map(({ path }) => basename(path.split('?')[0]!));
    assert.ok(sentAfter.length > 0 && stored.length - before >= 3);
    const again = sentAfter.filter((name) => stored.includes(name));
    assert.ok(again.length <= 1, `${again.join(' ')}: only one whose answer died with the coordinator may come again`);
    await a.must('resume', 'work', '--wait');
    seen = await assertGoesOn(a, 'work', seen);
  });

  test('the agent, in the middle of a suspend: the next one finds the guest running', async () => {
    const { house, a } = hosts;
    const before = packsOf(house).length;
    const suspending = a.ask('suspend', 'work');
    await waitForUpload(house, before + 1);
    await a.stopAgent('SIGKILL');
    assertRefused(await suspending, 'AGENT_LOST', 6, /godwit status/);
    await a.startAgent();
    assert.equal((await statusOf(a, 'work')).state, 'running');
    seen = await assertGoesOn(a, 'work', seen);
  });

  test('the agent, while the guest is at work: the next one takes the machine on, and what froze before is captured whole', async () => {
    const { a, b } = hosts;
    const machine = machineOf(a);
    await a.stopAgent('SIGKILL');
    await sleep(500);
    await a.startAgent();
    assert.equal(machineOf(a), machine);
    seen = await assertGoesOn(a, 'work', seen);
    assert.equal((await a.suspend('work')).sequence, 2);
    assertNothingLeft(a);
    assert.equal((await b.must('verify', 'work', '--data')).good, true);
    await b.must('resume', 'work', '--wait');
    seen = await assertGoesOn(b, 'work', seen);
  });

  test('QEMU, in the middle of a suspend: the desktop is switched off, and starts again from its disk', async () => {
    const { house, b } = hosts;
    seen = await tickOf(b, 'work');
    const before = packsOf(house).length;
    const machine = machineOf(b);
    const suspending = b.ask('suspend', 'work');
    await waitForState(b, 'work', ['departing']);
    process.kill(machine, 'SIGKILL');
    const answer = await suspending;
    assert.ok(answer.error !== undefined && ['QMP_DISCONNECTED', 'MIGRATION_TRUNCATED', 'CAPTURE_FAILED', 'QEMU_ENDED'].includes(answer.error.code), answer.stdout);
    const status = await waitForState(b, 'work', ['stopped']);
    assert.match(status.note ?? '', /ended/);
    assert.equal((await b.must('history', 'work')).checkpoints.length, 2, `${before} packs`);
    await b.must('start', 'work');
    const booted = await waitForTick(b, 'work', ({ counter }) => counter >= seen.counter);
    assert.deepEqual([booted.memoryOk, booted.diskOk], [true, true]);
    await b.suspend('work');
    seen = booted;
  });

  test('QEMU, while it is filled: lost here, says so, and goes on from its checkpoint', async () => {
    const { a } = hosts;
    await a.must('resume', 'work');
    process.kill(machineOf(a), 'SIGKILL');
    const lost = await waitForState(a, 'work', ['lost']);
    assert.match(lost.note ?? '', /lost here .*resume goes on from its last checkpoint/);
    assertNothingLeft(a);
    assertRefused(await a.ask('suspend', 'work'), 'DESKTOP_LOST', 1, /godwit resume work/);
    await a.must('resume', 'work', '--wait');
    await assertGoesOn(a, 'work', seen);
    await a.suspend('work');
  });

  test('the agent, while a guest is filled: the machine that depended on it is given up, and the checkpoint is not', async () => {
    const { b } = hosts;
    await b.must('resume', 'work');
    const machine = machineOf(b);
    await b.stopAgent('SIGKILL');
    await b.startAgent();
    assert.ok(!existsSync(`/proc/${machine}`), 'a machine without its pages runs on');
    const lost = await statusOf(b, 'work');
    assert.deepEqual([lost.state, lost.holder], ['lost', 'laptop-b']);
    assertNothingLeft(b);
    await b.must('resume', 'work', '--wait');
    seen = await assertGoesOn(b, 'work', seen);
  });

  test('the coordinator, while a guest is filled: the guest waits, and goes on when it is back', async () => {
    const { house, a, b } = hosts;
    await b.suspend('work');
    seen = await resumeWithoutCoordinator(house, hosts, seen);
    assert.equal((await a.must('history', 'work')).checkpoints[0]?.host, 'laptop-b');
  });

  async function resumeWithoutCoordinator(house: House, { a }: TwoHosts, before: GuestTick): Promise<GuestTick> {
    const listen = new URL(house.url).host;
    await a.must('resume', 'work');
    await house.stopCoordinator('SIGKILL');
    const waiting = await waitForStatus(a, 'work', ({ note }) => note?.includes('waits for the store') === true);
    assert.equal(waiting.state, 'filling');
    assertRefused(await a.ask('suspend', 'work'), 'DESKTOP_FILLING', 8);
    await sleep(8_000);
    assert.equal((await statusOf(a, 'work')).state, 'filling');
    await house.startCoordinator(listen);
    // It runs when the store is back, and has word of its lease when its agent has connected again.
    const { arrival } = await waitForStatus(a, 'work', ({ state, note }) => state === 'running' && note === null);
    assert.ok(arrival?.completeMs !== null && arrival !== null && arrival.completeMs > 8_000);
    return await assertGoesOn(a, 'work', before);
  }
});

/** The phase in which the newest suspend was rolled back, as the agent's log has it. */
function rolledBackIn({ home }: TestHost): string {
  const lines = readFileSync(join(home, 'agent.log'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { event: string; phase?: string });
  return lines.findLast(({ event }) => event === 'depart-rolled-back')?.phase ?? 'none';
}

/** So many objects are on their way into the store. */
function incomingOf({ objectsDirectory }: House): number {
  const directory = join(objectsDirectory, '.incoming');
  return existsSync(directory) ? readdirSync(directory).length : 0;
}
