import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { GuestTick } from '../house/guest.ts';
import { enrolSecond, House, TestHost } from '../house/house.ts';
import { assertGoesOn, assertNothingLeft, assertRefused, smallImage, startBusy, statusOf, waitForStatus } from './two-hosts.ts';

/** A host or a store without room, and a host without rights: it says so before anything is lost, and goes on when there is room. */

const root = process.getuid?.() === 0;
const because = root ? false : 'because only root can mount a small file system and act as another user';
const megabyte = 2 ** 20;
const nobody = 65534;
const cli = resolve(import.meta.dirname, '..', '..', '..', 'apps/agent/dist/cli/main.js');

describe('a host or a store at its limits', { timeout: 240_000, skip: because }, () => {
  const house = new House();
  const homeDirectory = join(house.directory, 'laptop-a');
  let a: TestHost;
  let plain: TestHost;
  let seen: GuestTick;
  const ends: (() => Promise<void>)[] = [];

  before(async () => {
    mountSmall(homeDirectory, 220);
    mountSmall(house.objectsDirectory, 16);
    await house.startCoordinator();
    a = await house.addHost('laptop-a');
    await a.must('init', '--coordinator', house.url, '--name', 'laptop-a');
  });
  after(async () => {
    for (const end of ends) await end();
    await Promise.all([a.stopAgent(), house.stopCoordinator()]);
    for (const mounted of [homeDirectory, house.objectsDirectory]) execFileSync('umount', ['--lazy', mounted]);
    await house.close();
  });

  test('create on a full disk fails as such and leaves nothing', async () => {
    const filler = fill(homeDirectory, 20);
    assertRefused(await a.ask('create', 'work', '--image', smallImage, '--memory', '256M'), 'DISK_FULL', 1, /laptop-a/);
    assertRefused(await a.ask('create', 'work', '--disk', '17G', '--image', smallImage), 'DISK_FULL', 1);
    const rest = fill(homeDirectory, 0);
    assertRefused(await a.ask('create', 'work', '--disk', '1M', '--memory', '256M'), 'DISK_FULL', 1);
    assertNothingLeft(a);
    assert.deepEqual((await a.must('status')).desktops, []);
    for (const file of [filler, rest]) rmSync(file);
    seen = await startBusy(a, 'work');
  });

  test('suspend without room for the next layer fails as such; the guest runs on, and a later suspend is whole', async () => {
    const filler = fill(homeDirectory, 0);
    assertRefused(await a.ask('suspend', 'work'), 'DISK_FULL', 1);
    const { state, note } = await waitForStatus(a, 'work', (status) => status.note !== null);
    assert.deepEqual([state, note], ['running', 'its guest waits: the disk of this host is full']);
    rmSync(filler);
    await waitForStatus(a, 'work', (status) => status.note === null);
    assert.deepEqual(readdirSync(join(homeDirectory, 'desktops')).length, 1);
    seen = await assertGoesOn(a, 'work', seen);
  });

  test('suspend into a full store fails as such; the guest runs on, and a later suspend is whole', async () => {
    const full = await a.ask('suspend', 'work');
    assertRefused(full, 'STORE_UNAVAILABLE', 69, /cannot be saved on this machine either: .*320 MiB/);
    seen = await assertGoesOn(a, 'work', seen);
    execFileSync('mount', ['-o', 'remount,size=400m', house.objectsDirectory]);
    await a.must('suspend', 'work');
    assertNothingLeft(a);
    assert.equal((await a.must('verify', 'work', '--data')).good, true);
  });

  test('resume without room for the disk is refused before anything is fetched, and the desktop stays free', async () => {
    const filler = fill(homeDirectory, 60);
    assertRefused(await a.ask('resume', 'work'), 'HOST_UNFIT', 7, /disk space \d+ MiB.*free/);
    assertNothingLeft(a);
    assert.equal((await statusOf(a, 'work')).state, 'free');
    rmSync(filler);
  });

  test('an agent without the right to userfaultfd resumes eagerly, and says why', async () => {
    plain = await startPlain();
    await enrolSecond(a, plain, house.url);
    const { arrive } = await plain.must('resume', 'work', '--wait');
    assert.equal(arrive.eager, true);
    assert.match(arrive.eagerReason ?? '', /on demand.*godwit doctor/);
    const finding = (await plain.ask('doctor')).result?.findings.find(({ check }) => check === 'memory on demand');
    assert.deepEqual([finding?.state, finding?.hint?.includes('userfaultfd')], ['degraded', true]);
    seen = await assertGoesOn(plain, 'work', seen);
    await plain.must('suspend', 'work');
    assertNothingLeft(plain);
    await a.must('resume', 'work', '--wait');
    await assertGoesOn(a, 'work', seen);
  });

  /** An agent of the user `nobody`, in a home of its own. */
  async function startPlain(): Promise<TestHost> {
    const home = join(house.directory, 'plain');
    mkdirSync(home, { mode: 0o700 });
    chownSync(home, nobody, nobody);
    // It may read and search everywhere, because the checkout may lie in a folder of root's; userfaultfd asks for another capability.
    const only = '-all,+dac_read_search';
    const rights = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', `--inh-caps=${only}`, `--ambient-caps=${only}`];
    const agent = spawn('setpriv', [...rights, process.execPath, cli, 'agent'], { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'], GODWIT_HOME: home } });
    const exited = once(agent, 'exit');
    ends.push(async () => {
      agent.kill('SIGTERM');
      await exited;
    });
    await Promise.race([once(agent.stdout, 'data'), exited.then(() => assert.fail('the agent of nobody ended'))]);
    return new TestHost('plain', home, {});
  }
});

function mountSmall(directory: string, megabytes: number): void {
  mkdirSync(directory, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0711`, 'tmpfs', directory]);
}

/** Takes all room in `directory` but `leftMegabytes`, and returns the file that does. */
function fill(directory: string, leftMegabytes: number): string {
  let name = join(directory, 'filler');
  while (existsSync(name)) name += '-';
  const file = openSync(name, 'wx');
  const { bavail, bsize } = statfsSync(directory);
  const block = Buffer.alloc(bsize, 1);
  const blocks = Math.max(0, bavail - (leftMegabytes * megabyte) / bsize);
  try {
    for (let written = 0; written < blocks; written++) writeSync(file, block);
  } catch (error) {
    // A guest at work took the rest in between: it is as full as it gets.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
  fsyncSync(file);
  closeSync(file);
  return name;
}
