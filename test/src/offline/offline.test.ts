import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { emptyPages, guestRange, writeMemory } from '../canary/guest-memory.ts';
import { assertGoesOn, assertNothingLeft, assertRefused, machineOf, openTwoHosts, startBusy, statusOf, tickOf, waitForState, waitForStatus, type TwoHosts } from '../e2e/two-hosts.ts';
import type { GuestTick } from '../house/guest.ts';
import type { TestHost } from '../house/house.ts';
import { processesOf } from '../house/process-tree.ts';

const memoryBytes = 256 * 2 ** 20;

/** A desktop whose coordinator or store is out of reach: suspended and resumed on this machine, and put into the store when that is back. */
describe('a desktop without network', { timeout: 340_000 }, () => {
  let hosts: TwoHosts;
  let seen: GuestTick;
  const canary = randomBytes(64);

  before(async () => {
    hosts = await openTwoHosts();
    seen = await startBusy(hosts.a, 'work');
    const machine = machineOf(hosts.a);
    const pages = emptyPages(machine, guestRange(machine, memoryBytes));
    // Above what a guest of this size uses, where it stays; on a page of its own so that nothing compresses it away.
    writeMemory(machine, pages.slice(-64).map((offset) => ({ offset, bytes: Buffer.concat([canary, randomBytes(4096 - canary.length)]) })));
  });
  after(() => hosts.house.close());

  test('is saved on this machine when the coordinator is not there, and every word about it says so', async () => {
    const { house, a } = hosts;
    await house.stopCoordinator();
    seen = await tickOf(a, 'work');
    const { exitCode, stdout } = await a.run(['suspend', 'work']);
    assert.equal(exitCode, 3, stdout);
    assert.match(stdout, /saved on this machine only/);
    assert.doesNotMatch(stdout, /safe to close the lid/);
    assert.deepEqual(processesOf(join(a.home, 'desktops')), []);
    const { state, note } = await statusOf(a, 'work');
    assert.equal(state, 'saved');
    assert.match(note ?? '', /^saved on this machine only since \d\d:\d\d \(\d+ min\)/);
    assert.match((await a.run(['status'])).stdout, /work +saved .*saved on this machine only since/);
    assertRefused(await a.ask('start', 'work'), 'DESKTOP_SAVED', 1, /godwit resume work/);
    assertRefused(await a.ask('stop', 'work'), 'DESKTOP_SAVED', 1, /godwit resume work/);
    assertRefused(await a.ask('suspend', 'work'), 'COORDINATOR_UNREACHABLE', 69);
  });

  test('holds nothing of its memory in clear', () => {
    const files = filesBelow(savedOf(hosts.a));
    assert.ok(files.length > 1);
    for (const file of files) assert.equal(readFileSync(file).indexOf(canary.subarray(0, 16)), -1, file);
  });

  test('goes on from there, and leaves nothing of the save', async () => {
    const { a } = hosts;
    const { fromHere, sequence } = await a.must('resume', 'work', '--wait');
    assert.deepEqual([fromHere, sequence], [true, 0]);
    seen = await assertGoesOn(a, 'work', seen);
    assert.ok(!existsSync(savedOf(a)));
    assert.ok(memoryHolds(machineOf(a), canary), 'what was looked for in the files was never in the memory that was saved');
    const { state, note } = await statusOf(a, 'work');
    assert.equal(state, 'running');
    assert.doesNotMatch(note ?? '', /saved/);
  });

  test('is there after the agent was started anew, without network too, and goes on', async () => {
    const { a } = hosts;
    seen = await saved(a);
    await a.stopAgent('SIGKILL');
    await a.startAgent();
    assert.equal((await statusOf(a, 'work')).state, 'saved');
    await a.must('resume', 'work', '--wait');
    seen = await assertGoesOn(a, 'work', seen);
  });

  test('goes into the store by itself when the coordinator is back, and on elsewhere', async () => {
    const { house, a, b } = hosts;
    seen = await saved(a);
    await a.stopAgent();
    await a.startAgent();
    await house.startCoordinator(new URL(house.url).host);
    const { holder, sequence, note } = await waitForState(a, 'work', ['free']);
    assert.deepEqual([holder, sequence, note], [null, 1, null]);
    assertNothingLeft(a);
    assert.equal(readdirSync(join(a.home, 'receipts')).length, 1);
    assert.equal((await b.must('verify', 'work', '--data')).good, true);
    await b.must('resume', 'work', '--wait');
    seen = await assertGoesOn(b, 'work', seen);
  });

  test('is saved here when only the store is out of reach, goes on while it waits for it, and gets there when it is back', async () => {
    const { house, a, b } = hosts;
    const away = `${house.objectsDirectory}.away`;
    renameSync(house.objectsDirectory, away);
    writeFileSync(house.objectsDirectory, 'no folder');
    seen = await saved(b);
    await waitForStatus(b, 'work', ({ note }) => note?.includes('not in the store yet') === true);
    await b.must('resume', 'work', '--wait');
    seen = await assertGoesOn(b, 'work', seen);
    seen = await saved(b);
    rmSync(house.objectsDirectory);
    renameSync(away, house.objectsDirectory);
    await waitForState(b, 'work', ['free'], 60_000);
    assertNothingLeft(b);
    await a.must('resume', 'work', '--wait');
    seen = await assertGoesOn(a, 'work', seen);
    assert.equal((await a.must('audit')).good, true);
  });

  test('does not go on without word from the coordinator when it is strict, and is in the store when there is one', async () => {
    const { house, a } = hosts;
    await a.must('policy', 'work', '--offline', 'stop');
    await house.stopCoordinator();
    await saved(a);
    assertRefused(await a.ask('resume', 'work'), 'LEASE_UNCONFIRMED', 1);
    assert.equal((await statusOf(a, 'work')).state, 'saved');
    await house.startCoordinator(new URL(house.url).host);
    await waitForState(a, 'work', ['free'], 60_000);
  });
});

/** Suspends what cannot get into the store now; the newest tick before. */
async function saved(host: TestHost): Promise<GuestTick> {
  const seen = await tickOf(host, 'work');
  const { exitCode, result, stdout } = await host.ask('suspend', 'work');
  assert.equal(exitCode, 3, stdout);
  assert.equal(result?.safe, false);
  return seen;
}

function memoryHolds(machine: number, wanted: Buffer): boolean {
  const { offset, lengthBytes } = guestRange(machine, memoryBytes);
  const file = openSync(`/proc/${machine}/mem`, 'r');
  try {
    const piece = Buffer.alloc(2 ** 23);
    for (let at = 0; at < lengthBytes; at += piece.length) {
      readSync(file, piece, 0, piece.length, offset + at);
      if (piece.includes(wanted)) return true;
    }
    return false;
  } finally {
    closeSync(file);
  }
}

function savedOf(host: TestHost): string {
  const [desktop] = readdirSync(join(host.home, 'desktops'));
  assert.ok(desktop !== undefined);
  return join(host.home, 'desktops', desktop, 'saved');
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
