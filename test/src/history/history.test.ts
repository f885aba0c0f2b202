import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertGoesOn, assertRefused, machineOf, startBusy, tickOf } from '../e2e/two-hosts.ts';
import { waitForTick, type GuestTick } from '../house/guest.ts';
import { enrolSecond, House, type TestHost } from '../house/house.ts';

/** A desktop's past with real programs and a real guest: history, fork, rollback, prune, compaction, scrub. One story, told in order. */

/** A coordinator that deletes what nothing needs at once, and looks after its store every two seconds. */
const impatient = ['--grace', '0', '--upkeep', '2'];

describe('the past of a desktop', { timeout: 340_000 }, () => {
  let house: House;
  let a: TestHost;
  let b: TestHost;
  let first: GuestTick;

  before(async () => {
    house = new House();
    await house.startCoordinator('127.0.0.1:0', impatient);
    [a, b] = await Promise.all([house.addHost('laptop-a'), house.addHost('laptop-b')]);
    await a.must('init', '--coordinator', house.url, '--name', a.name);
    await enrolSecond(a, b, house.url);
  });
  after(() => house.close());

  function files(): { readonly path: string; readonly bytes: number }[] {
    const entries = readdirSync(house.objectsDirectory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.parentPath.includes('.incoming'));
    return entries.map((entry) => join(entry.parentPath, entry.name)).map((path) => ({ path, bytes: statSync(path).size }));
  }

  const storedBytes = (): number => files().reduce((sum, { bytes }) => sum + bytes, 0);

  async function suspended(host: TestHost, desktop: string): Promise<GuestTick> {
    const tick = await tickOf(host, desktop);
    await host.must('suspend', desktop);
    return tick;
  }

  /** The VM generation id that QEMU runs the guest with. */
  function generationOf(host: TestHost): string | undefined {
    return /vmgenid,id=generation0,guid=([0-9a-f-]{36})/.exec(readFileSync(`/proc/${machineOf(host)}/cmdline`, 'latin1'))?.[1];
  }

  test('three checkpoints are its history, newest first', async () => {
    await startBusy(a, 'work');
    first = await suspended(a, 'work');
    for (let round = 0; round < 2; round += 1) {
      await a.must('resume', 'work', '--wait');
      await waitForTick(a, 'work', ({ counter }) => counter > first.counter + 3 * (round + 1));
      await a.must('suspend', 'work');
    }
    const { checkpoints } = await b.must('history', 'work');
    assert.deepEqual(checkpoints.map(({ sequence, host }) => [sequence, host]), [[3, 'laptop-a'], [2, 'laptop-a'], [1, 'laptop-a']]);
  });

  test('a fork of the first runs on another host from where that was, as another machine generation, and nothing was copied', async (t) => {
    await a.must('resume', 'work', '--wait');
    const original = generationOf(a);
    await a.must('suspend', 'work');
    const before = storedBytes();
    const forked = await a.must('fork', 'work@1', 'copy');
    assert.ok(storedBytes() - before < 100_000, `${storedBytes() - before} bytes more`);
    assertRefused(await a.ask('fork', 'work@1', 'copy'), 'DESKTOP_NAME_TAKEN', 1);
    assertRefused(await a.ask('fork', 'work@9', 'other'), 'CHECKPOINT_NOT_FOUND', 1);
    assertRefused(await a.ask('fork', 'work', 'other'), 'ARGUMENT_INVALID', 2);
    await b.must('resume', 'copy', '--wait');
    await assertGoesOn(b, 'copy', first);
    assert.deepEqual([generationOf(b), generationOf(b) === original], [forked.generationId, false]);
    t.diagnostic(`what the guest's kernel said: ${(await b.consoleLines('copy', 500)).find((line) => line.includes('virtual machine fork')) ?? 'nothing on its console'}`);
  });

  test('prune frees bytes on the disk; what is left, and the fork of what went, verify and run', async () => {
    const before = storedBytes();
    const dry = await a.must('prune', 'work', '--keep-last', '1', '--dry-run');
    assert.deepEqual([dry.done, dry.dropped, storedBytes()], [false, [1, 2, 3], before]);
    const asked = await a.run(['prune', 'work', '--keep-last', '1']);
    assert.equal(asked.exitCode, 2);
    assert.match(asked.stdout, /Would drop 3 checkpoints \(1-3\).*Nothing was changed/s);
    const pruned = await a.must('prune', 'work', '--keep-last', '1', '--yes');
    assert.deepEqual([pruned.done, pruned.dropped, pruned.kept], [true, [1, 2, 3], 1]);
    assert.ok(pruned.freed.bytes > 0 && storedBytes() <= before - pruned.freed.bytes, `${before} before, ${storedBytes()} after, ${pruned.freed.bytes} freed`);
    assert.deepEqual((await a.must('history', 'work')).checkpoints.map(({ sequence }) => sequence), [4]);
    for (const desktop of ['work', 'copy']) {
      const { good, missing, damaged } = await b.must('verify', desktop, '--data');
      assert.deepEqual([good, missing, damaged], [true, [], []]);
    }
    const tick = await suspended(b, 'copy');
    await a.must('resume', 'copy', '--wait');
    await assertGoesOn(a, 'copy', tick);
  });

  test('a rollback says what it gives up, is refused while the desktop runs, and takes the name; the old line stays', async () => {
    assertRefused(await b.ask('rollback', 'copy@1', '--yes'), 'DESKTOP_IN_USE', 1, /laptop-a/);
    const last = await suspended(a, 'copy');
    const asked = await b.run(['rollback', 'copy@1']);
    assert.equal(asked.exitCode, 2);
    assert.match(asked.stdout, /copy would go back to checkpoint 1 and give up 2 checkpoints after it.*copy\.before-1/s);
    const back = await b.must('rollback', 'copy@1', '--yes');
    assert.deepEqual([back.done, back.keptAs, back.givenUp.checkpoints], [true, 'copy.before-1', 2]);
    const names = (await b.must('status')).desktops.map(({ name, state }) => [name, state]);
    assert.deepEqual(names, [['copy', 'free'], ['copy.before-1', 'free'], ['work', 'free']]);
    await b.must('resume', 'copy', '--wait');
    const tick = await assertGoesOn(b, 'copy', first);
    assert.ok(tick.uptimeSeconds < last.uptimeSeconds, `uptime ${tick.uptimeSeconds} is before ${last.uptimeSeconds}`);
    await b.must('stop', 'copy', '--force');
    await a.must('resume', 'copy.before-1', '--wait');
    await assertGoesOn(a, 'copy.before-1', last);
    await a.must('suspend', 'copy.before-1');
  });

  test('compaction leaves the same desktop in fewer bytes, and it runs', async () => {
    const { compacted, dropped } = await a.must('prune', 'work', '--compact', '--yes');
    if (compacted?.sequence !== null) assert.deepEqual(dropped, [4], 'its policy keeps one');
    const { good } = await a.must('verify', 'work', '--data');
    assert.ok(good);
    await a.must('resume', 'work', '--wait');
    await assertGoesOn(a, 'work', first);
    await a.must('suspend', 'work');
  });

  test('a flipped byte on the disk is found by the coordinator itself, and by name', async () => {
    const [victim] = files().filter(({ path }) => path.includes('/p-')).sort((x, y) => y.bytes - x.bytes);
    const bytes = readFileSync(victim!.path);
    bytes[bytes.length >> 1]! ^= 1;
    await house.stopCoordinator();
    writeFileSync(victim!.path, bytes);
    // Not looked at yet: nothing is known of it until the next round after a week, so the test reads what a fresh look finds.
    await house.startCoordinator(new URL(house.url).host, [...impatient, '--scrub-again', '0']);
    const name = victim!.path.split('/').at(-1)!;
    for (let waitedMs = 0; ; waitedMs += 500) {
      const found = (await Promise.all(['work', 'copy', 'copy.before-1'].map(async (desktop) => a.ask('verify', desktop)))).flatMap(({ result }) => result?.scrub.damaged ?? []);
      if (found.some(({ key, finding }) => key.endsWith(name) && finding === 'digest')) break;
      assert.ok(waitedMs < 60_000, 'not found');
      await sleep(500);
    }
  });
});

