import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Fault } from '@godwit/base';
import { assertGoesOn, assertRefused, createSmall, machineOf, startBusy, statusOf, tickOf, waitForState, waitForStatus } from '../e2e/two-hosts.ts';
import { TcpProxy } from '../faults/tcp-proxy.ts';
import { waitForTick, type GuestTick } from '../house/guest.ts';
import { House, TestHost } from '../house/house.ts';
import { processesOf } from '../house/process-tree.ts';

/** What an agent finds when it starts again, and what its person can do where only a person can decide. */
describe('after a crash', { timeout: 240_000 }, () => {
  const house = new House();
  let proxy: TcpProxy;
  let a: TestHost;
  let seen: GuestTick;

  before(async () => {
    await house.startCoordinator();
    proxy = await TcpProxy.before(house.url);
    a = await house.addHost('laptop-a');
    await a.must('init', '--coordinator', proxy.url, '--name', a.name);
    seen = await startBusy(a, 'work');
  });
  after(async () => {
    await proxy.close();
    await house.close();
  });

  test('a second agent of one home is refused, although the control socket is gone', async () => {
    rmSync(join(a.home, 'control.sock'));
    const second = new TestHost(a.name, a.home, {});
    await assert.rejects(second.startAgent(), /AGENT_RUNS_ALREADY/);
    await restart();
    seen = await assertGoesOn(a, 'work', seen);
  });

  test('a QEMU that does not answer is waited for, and taken on when it does; nothing else is started beside it', async () => {
    const machine = machineOf(a);
    process.kill(machine, 'SIGSTOP');
    await restart();
    const silent = await statusOf(a, 'work');
    assert.deepEqual([silent.state, /does not answer.*godwit stop --force work/.test(silent.note ?? '')], ['running', true], silent.note ?? 'no note');
    assertRefused(await a.ask('start', 'work'), 'DESKTOP_RUNNING', 1);
    assertRefused(await a.ask('stop', 'work'), 'QEMU_SILENT', 1, /--force/);
    process.kill(machine, 'SIGCONT');
    await waitForStatus(a, 'work', ({ note }) => note?.includes('does not answer') !== true);
    seen = await assertGoesOn(a, 'work', seen);
    assert.equal(machineOf(a), machine);
  });

  test('one damaged record is shown, keeps no other desktop from running, and is taken up when it is restored', async () => {
    await createSmall(a, 'play');
    const file = recordOf('play');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.slice(0, -20));
    await restart();
    seen = await assertGoesOn(a, 'work', seen);
    const { state, note } = await statusOf(a, 'play');
    assert.deepEqual([state, note?.includes(file)], ['damaged', true], note ?? 'no note');
    assertRefused(await a.ask('start', 'play'), 'RECORD_DAMAGED', 1, /nothing was changed/);
    assertRefused(await a.ask('resume', 'play'), 'RECORD_DAMAGED', 1);
    assert.equal(readFileSync(file, 'utf8'), text.slice(0, -20));
    writeFileSync(file, text);
    assert.equal((await statusOf(a, 'play')).state, 'stopped');
  });

  test('a machine that no record knows of is ended, and its desktop starts from its disk', async () => {
    await a.stopAgent('SIGKILL');
    const file = recordOf('work');
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), machine: null }));
    const machines = processesOf(join(a.home, 'desktops'));
    assert.ok(machines.length > 0);
    await a.startAgent();
    assert.deepEqual(processesOf(join(a.home, 'desktops')), []);
    assert.equal((await statusOf(a, 'work')).state, 'stopped');
    await a.must('start', 'work');
    seen = await waitForTick(a, 'work', ({ counter }) => counter > 2);
    await a.suspend('work');
    await a.must('resume', 'work', '--wait');
    seen = await assertGoesOn(a, 'work', seen);
  });

  test('a machine that ended: its person starts it from its disk, or goes back to the checkpoint and is told in numbers what that gives up', async () => {
    process.kill(machineOf(a), 'SIGKILL');
    const { note } = await waitForState(a, 'work', ['stopped']);
    assert.match(note ?? '', /last wrote to its disk at 20.*`godwit start work` boots.*`godwit resume work --discard` goes back to checkpoint 1/);
    await restart();
    assert.equal((await statusOf(a, 'work')).note, note);
    const told = await a.run(['resume', 'work', '--discard']);
    assert.deepEqual([told.exitCode, /^You would give up: what work did here since checkpoint 1, .* ago .*: [\d.]+ \w+ on its disks\.\n.*--yes does it/.test(told.stdout)], [2, true], told.stdout);
    assert.equal((await statusOf(a, 'work')).state, 'stopped');
    const { sequence } = await a.must('resume', 'work', '--discard', '--yes', '--wait');
    assert.equal(sequence, 1);
    const tick = await tickOf(a, 'work');
    assert.deepEqual([tick.memoryOk, tick.diskOk], [true, true]);
    seen = await assertGoesOn(a, 'work', tick);
  });

  test('a guest that waits for a store that never comes back is switched off by force, and goes on from its checkpoint', async () => {
    await a.suspend('work');
    await a.must('resume', 'work');
    await house.stopCoordinator('SIGKILL');
    assertRefused(await a.ask('stop', 'work'), 'DESKTOP_FILLING', 8, /--force/);
    const stopped = await a.must('stop', 'work', '--force');
    assert.deepEqual([stopped.clean, stopped.goesOnFrom], [false, 2]);
    assert.deepEqual([processesOf(join(a.home, 'desktops')), desktopsOf().length], [[], 1]);
    await house.startCoordinator(new URL(house.url).host);
    const lost = await statusOf(a, 'work');
    assert.match(`${lost.state}: ${lost.note}`, /^lost: .*switched off before everything was here/);
    await a.must('resume', 'work', '--wait');
    await assertGoesOn(a, 'work', seen);
    await a.must('stop', 'work', '--force');
  });

  test('a desktop that was made while the answer was lost is one of the account all the same', async () => {
    const lost = proxy.next('createDesktop', { kind: 'lost-answer' });
    const answer = await a.ask('create', 'third', '--disk', '1M', '--memory', '256M');
    await lost;
    assert.equal(answer.error?.code, 'COORDINATOR_UNREACHABLE');
    await waitForStatus(a, 'third', ({ note, state }) => state === 'stopped' && note === null);
    await a.must('start', 'third');
    await a.must('stop', 'third', '--force');
    assertRefused(await a.ask('create', 'third', '--disk', '1M', '--memory', '256M'), 'DESKTOP_NAME_TAKEN', 1);
  });

  async function restart(): Promise<void> {
    await a.stopAgent('SIGKILL');
    await a.startAgent();
  }

  function desktopsOf(): string[] {
    return readdirSync(join(a.home, 'desktops'));
  }

  function recordOf(name: string): string {
    const file = desktopsOf().map((folder) => join(a.home, 'desktops', folder, 'desktop.json')).find((path) => readFileSync(path, 'utf8').includes(`"name": "${name}"`));
    if (file === undefined) throw new Fault('INTERNAL', { subject: name });
    return file;
  }
});
