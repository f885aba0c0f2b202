import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { QmpSession } from '@godwit/qemu';
import type { DesktopStatus } from '@godwit/wire';
import { assertGoesOn, assertNothingLeft, assertRefused, startBusy, statusOf, tickOf, waitForState } from '../e2e/two-hosts.ts';
import { TcpProxy } from '../faults/tcp-proxy.ts';
import { lastTick, waitForTick, type GuestTick } from '../house/guest.ts';
import { enrolSecond, House, type Answer, type TestHost } from '../house/house.ts';

/** One desktop and two laptops, each behind a network of its own that can fail. Each test goes on where the one before it ended. */
describe('a desktop that its user takes over', { timeout: 345_000 }, () => {
  const house = new House();
  let networkOfA: TcpProxy;
  let networkOfB: TcpProxy;
  let a: TestHost;
  let b: TestHost;
  /** What the guest of `work` said last before its newest checkpoint, or later. */
  let seen: GuestTick;

  before(async () => {
    await house.startCoordinator();
    [networkOfA, networkOfB] = await Promise.all([TcpProxy.before(house.url), TcpProxy.before(house.url)]);
    [a, b] = await Promise.all([house.addHost('laptop-a'), house.addHost('laptop-b')]);
    await a.must('init', '--coordinator', networkOfA.url, '--name', a.name);
    await enrolSecond(a, b, networkOfB.url);
    seen = await startBusy(a, 'work');
  });
  after(async () => {
    await Promise.all([networkOfA.close(), networkOfB.close()]);
    await house.close();
  });

  test('never saved, here, unknown: each is a fault that says what to do instead', async () => {
    assertRefused(await b.ask('takeover', 'work', '--yes'), 'DESKTOP_NEVER_SAVED', 1, /suspend it there/);
    assertRefused(await a.ask('takeover', 'work', '--yes'), 'DESKTOP_HERE', 1, /godwit resume work/);
    assertRefused(await b.ask('takeover', 'worf', '--yes'), 'DESKTOP_NOT_FOUND', 10, /work/);
    await a.suspend('work');
    assertRefused(await b.ask('takeover', 'work', '--yes'), 'DESKTOP_FREE', 1, /godwit resume work/);
    await a.must('resume', 'work', '--wait');
  });

  test('is suspended by its holder where that is in reach: nothing is given up', async () => {
    const shown = await b.ask('takeover', 'work');
    assert.deepEqual([shown.exitCode, shown.result?.done, shown.result?.inReach, shown.result?.holder, shown.result?.sequence], [2, false, true, 'laptop-a', 1], shown.stderr);
    seen = await assertGoesOn(a, 'work', seen);
    const { how, done, sequence, epoch } = await b.must('takeover', 'work', '--yes');
    assert.deepEqual([how, done, sequence, epoch], ['suspended', true, 2, 3]);
    seen = await assertGoesOn(b, 'work', seen);
    assertNothingLeft(a);
  });

  test('out of reach: what is given up is said in numbers, and it goes on from the last checkpoint at once', async () => {
    await waitForState(b, 'work', ['running']);
    await networkOfB.refuse();
    const { result } = await untilOutOfReach(a);
    assert.deepEqual([result?.holder, result?.offline, result?.waitMs, result?.sequence, result?.done], ['laptop-b', 'keep', 0, 2, false]);
    assert.ok(result!.ageMs > 1_000 && result!.holderContactMs !== null);
    const { how, sequence, epoch } = await a.must('takeover', 'work', '--yes');
    assert.deepEqual([how, sequence, epoch], ['taken', 2, 4]);
    await waitForTick(a, 'work', ({ counter, memoryOk, diskOk }) => counter > seen.counter && memoryOk && diskOk);
  });

  test('the copy left behind stands still within 500 ms of learning it, and is kept whole under a name of its own', async () => {
    seen = await assertGoesOn(b, 'work', seen);
    const monitor = await QmpSession.connect(join(machineDirectory(b), 'guard'));
    const stopped = monitor.waitFor('STOP', () => true, { timeoutMs: 60_000 });
    await networkOfB.heal();
    const pausedMs = (await stopped).qemuTimeMs - learnedMs(b);
    monitor.close();
    console.log(`the copy left behind stood still ${Math.round(pausedMs)} ms after its host learned that it was taken over`);
    assert.ok(pausedMs <= 500, `${pausedMs} ms`);
    const left = await waitForLeft(b, 'work.left-laptop-b', 'free');
    assert.match(left.note ?? '', /work was taken over by laptop-a; what was here is kept as work\.left-laptop-b: godwit resume work\.left-laptop-b/);
    assertNothingLeft(b);
    assert.deepEqual([(await statusOf(b, 'work')).holder, (await statusOf(a, 'work.left-laptop-b')).state], ['laptop-a', 'free']);
    // All of its memory first: a guest that was captured standing still has to be started.
    await b.must('resume', 'work.left-laptop-b', '--eager', '--wait');
    await assertGoesOn(b, 'work.left-laptop-b', seen);
    assert.equal((await statusOf(b, 'work.left-laptop-b')).note, null);
    await b.must('stop', 'work.left-laptop-b', '--force');
  });

  test('taken while its holder commits: the state that was refused is kept too, though the agent is killed in the middle of it', async () => {
    await waitForState(a, 'work', ['running']);
    const last = await tickOf(a, 'work');
    const asked = networkOfA.next('commitCheckpoint', { kind: 'reset' });
    networkOfA.rule = ({ route }) => (route === 'commitCheckpoint' ? { kind: 'reset' } : undefined);
    const suspending = a.ask('suspend', 'work');
    await asked;
    assert.equal((await b.must('takeover', 'work', '--yes', '--without-asking')).how, 'taken');
    // From now on it may ask, and gets nothing into the store.
    networkOfA.rule = ({ place, method }) => (place === 'store' && method === 'PUT' ? { kind: 'reset' } : undefined);
    await suspending;
    const left = await waitForLeft(a, 'work.left-laptop-a', 'left');
    assert.match(left.note ?? '', /^work was taken over by laptop-b; this is what was here: /);
    assertRefused(await a.ask('resume', 'work'), 'DESKTOP_HELD_ELSEWHERE', 5);
    assertRefused(await a.ask('takeover', 'work'), 'DESKTOP_BUSY', 11, /kept as work\.left-laptop-a/);
    await a.stopAgent('SIGKILL');
    await networkOfA.heal();
    await a.startAgent();
    await waitForLeft(a, 'work.left-laptop-a', 'free');
    await a.must('resume', 'work.left-laptop-a', '--wait');
    await assertGoesOn(a, 'work.left-laptop-a', last);
    await a.must('suspend', 'work.left-laptop-a');
  });

  test('its machine switched off on the holder, whose agent was stopped: the disk stays there as a stopped desktop', async () => {
    await waitForState(b, 'work', ['running']);
    const last = await tickOf(b, 'work');
    await b.must('stop', 'work');
    process.kill(b.pid, 'SIGSTOP');
    try {
      await a.must('takeover', 'work', '--yes', '--without-asking');
    } finally {
      process.kill(b.pid, 'SIGCONT');
    }
    const { note } = await waitForLeft(b, 'work.left-laptop-b-2', 'stopped');
    assert.match(note ?? '', /kept as work\.left-laptop-b-2: godwit start work\.left-laptop-b-2/);
    await b.must('start', 'work.left-laptop-b-2');
    await waitForTick(b, 'work.left-laptop-b-2', ({ counter, memoryOk, diskOk }) => counter > last.counter && memoryOk && diskOk);
    await b.must('stop', 'work.left-laptop-b-2', '--force');
  });

  test('saved on the holder only, and its checkpoint pruned since: all of it goes into the store', async () => {
    await waitForState(a, 'work', ['running']);
    await networkOfA.refuse();
    seen = await tickOf(a, 'work');
    assert.equal((await a.ask('suspend', 'work')).result?.safe, false);
    await b.must('takeover', 'work', '--yes', '--without-asking');
    await waitForState(b, 'work', ['running']);
    await b.must('suspend', 'work');
    await b.must('prune', 'work', '--keep-last', '1', '--yes');
    await networkOfA.heal();
    await waitForLeft(a, 'work.left-laptop-a-2', 'free');
    const { checkpoints } = await b.must('history', 'work.left-laptop-a-2');
    assert.deepEqual(checkpoints.map(({ sequence, host }) => [sequence, host]), [[1, 'laptop-a']]);
    await b.must('resume', 'work.left-laptop-a-2', '--wait');
    await assertGoesOn(b, 'work.left-laptop-a-2', seen);
  });

  test('nothing was merged: each line is whole, and the log has every step', async () => {
    const lines = ['work', 'work.left-laptop-a', 'work.left-laptop-b'];
    const pasts = await Promise.all(lines.map((name) => b.must('history', name)));
    assert.deepEqual(pasts.map(({ checkpoints }) => checkpoints.map(({ sequence, host }) => [sequence, host])), [[[3, 'laptop-b']], [[3, 'laptop-a'], [2, 'laptop-a'], [1, 'laptop-a']], [[2, 'laptop-b'], [1, 'laptop-b']]]);
    for (const name of lines) {
      const report = await b.must('verify', name, '--data');
      assert.deepEqual([report.good, report.missing, report.damaged], [true, [], []], name);
    }
    for (const host of [a, b]) {
      const { good, findings, newest } = await host.must('audit');
      assert.deepEqual([good, findings], [true, []], host.name);
      assert.deepEqual(newest.filter(({ kind }) => kind === 'desktop-taken-over').map(({ epoch }) => epoch).sort(), [4, 5, 6, 7]);
    }
  });

  test('strict: not before its lease is over', async () => {
    await b.must('policy', 'work.left-laptop-a-2', '--offline', 'stop');
    const shown = await a.ask('takeover', 'work.left-laptop-a-2', '--without-asking');
    assert.ok(shown.result?.offline === 'stop' && shown.result.waitMs > 0 && shown.result.waitMs <= 45_000, shown.stdout);
    assertRefused(await a.ask('takeover', 'work.left-laptop-a-2', '--yes', '--without-asking'), 'LEASE_NOT_OVER', 1, /for 45 s, found \d+ s/);
    assert.ok((await lastTick(b, 'work.left-laptop-a-2')) !== undefined, 'its holder keeps it');
  });
});

/** The holder's event stream broke off with its network: the coordinator knows at once. */
async function untilOutOfReach(host: TestHost): Promise<Answer<'takeover'>> {
  for (const startedMs = performance.now(); ; ) {
    const answer = await host.ask('takeover', 'work');
    if (answer.result?.inReach === false) return answer;
    assert.ok(performance.now() - startedMs < 40_000, answer.stdout + answer.stderr);
    await sleep(200);
  }
}

async function waitForLeft(host: TestHost, name: string, state: DesktopStatus['state']): Promise<DesktopStatus> {
  for (const startedMs = performance.now(); ; ) {
    const { desktops } = await host.call('status', { name: null });
    const found = desktops.find((desktop) => desktop.name === name);
    if (found?.state === state) return found;
    assert.ok(performance.now() - startedMs < 60_000, `${name} is not ${state}: ${JSON.stringify(desktops.map(({ name: shown, state: is, note }) => [shown, is, note]))}`);
    await sleep(200);
  }
}

function machineDirectory(host: TestHost): string {
  const [folder] = readdirSync(join(host.home, 'desktops'));
  assert.ok(folder !== undefined);
  return join(host.home, 'desktops', folder, 'run');
}

/** When the agent heard that another epoch is current, by its log; QEMU's clock is the same one. */
function learnedMs(host: TestHost): number {
  const lines = readFileSync(join(host.home, 'agent.log'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { event: string; time: string; to?: string });
  const line = lines.findLast(({ event, to }) => event === 'holding' && to === 'superseded');
  assert.ok(line !== undefined);
  return Date.parse(line.time);
}
