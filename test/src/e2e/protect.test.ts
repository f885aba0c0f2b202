import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GuestTick } from '../house/guest.ts';
import { processesOf } from '../house/process-tree.ts';
import { assertGoesOn, openTwoHosts, startBusy, statusOf, waitForState, type TwoHosts } from './two-hosts.ts';

/** Checkpoints of a desktop that goes on running. Each test goes on where the one before it ended. */
describe('a desktop that is protected while it runs', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  let seen: GuestTick;
  let firstBytes: number;

  before(async () => {
    hosts = await openTwoHosts();
    seen = await startBusy(hosts.a, 'work');
  });
  after(() => hosts.house.close());

  test('gets checkpoints, each of what changed alone, and runs on', async (t) => {
    const { a } = hosts;
    const first = await a.must('checkpoint', 'work');
    firstBytes = first.bytesUploaded;
    t.diagnostic(`${first.way}, pause ${first.pauseMs.toFixed(1)} ms, ${first.bytesUploaded} bytes, durable after ${Math.round(first.durableMs)} ms`);
    assert.deepEqual([first.sequence, first.epoch, first.way], [1, 1, 'background-snapshot']);
    assert.ok(firstBytes > seen.filledBytes / 2 && first.pauseMs > 0 && first.pauseMs < first.durableMs);
    assert.deepEqual(await statusOf(a, 'work').then(({ state, holder, sequence }) => [state, holder, sequence]), ['running', 'laptop-a', 1]);
    seen = await assertGoesOn(a, 'work', seen);
    const second = await a.must('checkpoint', 'work');
    t.diagnostic(`pause ${second.pauseMs.toFixed(1)} ms, ${second.bytesUploaded} bytes, durable after ${Math.round(second.durableMs)} ms`);
    assert.deepEqual([second.sequence, second.epoch], [2, 1]);
    assert.ok(second.bytesUploaded < firstBytes * 0.15, `${second.bytesUploaded} bytes after ${firstBytes}`);
    seen = await assertGoesOn(a, 'work', seen);
  });

  test('gets them by itself, and status says so', async () => {
    const { a } = hosts;
    assert.equal((await a.must('protect', 'work')).everyMs, null);
    assert.equal((await a.must('protect', 'work', '--every', '10s')).everyMs, 10_000);
    for (let waitedMs = 0; (await statusOf(a, 'work')).sequence === 2; waitedMs += 200) {
      assert.ok(waitedMs < 30_000, 'no checkpoint was made');
      await sleep(200);
    }
    for (let waitedMs = 0; (await statusOf(a, 'work')).note?.includes('last checkpoint') !== true; waitedMs += 200) {
      assert.ok(waitedMs < 5_000, JSON.stringify(await statusOf(a, 'work')));
      await sleep(200);
    }
    assert.match((await statusOf(a, 'work')).note ?? '', /^protected every 10s, last checkpoint \d+ s ago$/);
    assert.equal((await a.must('protect', 'work', '--off')).everyMs, null);
    assert.equal((await statusOf(a, 'work')).note, null);
  });

  test('goes on elsewhere from the newest of them when host and machine are gone, and a suspend sends little', async () => {
    const { a, b } = hosts;
    const { sequence } = await a.must('checkpoint', 'work');
    await a.stopAgent('SIGKILL');
    for (const pid of processesOf(a.home)) process.kill(pid, 'SIGKILL');
    const taken = await b.must('takeover', 'work', '--yes', '--without-asking');
    assert.deepEqual([taken.sequence, taken.how], [sequence, 'taken']);
    seen = await assertGoesOn(b, 'work', seen);
    await waitForState(b, 'work', ['running']);
    const made = await b.must('checkpoint', 'work');
    const { depart, sequence: last } = await b.suspend('work');
    assert.ok(depart.bytesUploaded < firstBytes * 0.15, `${depart.bytesUploaded} bytes after ${firstBytes}`);
    assert.equal(last, made.sequence + 1);
    const report = await b.must('verify', 'work', '--data');
    assert.deepEqual([report.good, report.missing, report.damaged], [true, [], []]);
  });
});
