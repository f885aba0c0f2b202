import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ControlProgress } from '@godwit/wire';
import type { GuestTick } from '../house/guest.ts';
import { waitForTick } from '../house/guest.ts';
import { ScreenPage } from '../house/screen.ts';
import { assertGoesOn, assertNothingLeft, assertRefused, openTwoHosts, startBusy, statusOf, tickOf, waitForState, type TwoHosts } from './two-hosts.ts';

/** The main job: one running system on two hosts in turn. Each test goes on where the one before it ended. */
describe('a desktop that moves', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  let seen: GuestTick;
  let firstUploadBytes: number;
  let firstFetchedBytes: number;
  let page: ScreenPage;

  before(async () => {
    hosts = await openTwoHosts();
    seen = await startBusy(hosts.a, 'work');
    page = await ScreenPage.enter((await hosts.a.must('view', 'work')).url ?? '');
  });
  after(() => hosts.house.close());

  test('is safe in the store after suspend, and nothing of it is left here', async () => {
    const { a, b } = hosts;
    using watch = await page.watch();
    assert.deepEqual(watch.states.map(({ headline, screen }) => [headline, screen]), [['Running here', true]]);
    const { sequence, epoch, depart } = await a.suspend('work');
    const told = await watch.until(({ tone }) => tone === 'safe');
    assert.match(told.detail, /^work@1 is in the store, proven by leaf \d+ of the audit log/);
    assert.ok(watch.states.some(({ headline, detail }) => headline === 'Suspending: upload' && detail === 'Do not close the lid yet.'), watch.states.map(({ headline }) => headline).join(', '));
    firstUploadBytes = depart.bytesUploaded;
    assert.deepEqual([sequence, epoch], [1, 1]);
    assert.ok(depart.bytesUploaded > seen.filledBytes / 2, `${depart.bytesUploaded} bytes uploaded`);
    assert.ok(depart.pagesChanged * 4096 > seen.filledBytes && depart.pauseMs > 0 && depart.pauseMs < depart.durableMs);
    for (const host of [a, b]) {
      const { state, holder, sequence: head } = await statusOf(host, 'work');
      assert.deepEqual([state, holder, head], ['free', null, 1]);
    }
    assertNothingLeft(a);
  });

  test('runs on b before its memory is there, and is the same system', async () => {
    const { a, b } = hosts;
    const { sequence, epoch, arrive } = await b.must('resume', 'work', '--wait');
    assert.deepEqual([sequence, epoch, arrive.eager], [1, 2, false]);
    assert.ok(arrive.pagesOnDemand > 0 && arrive.bytesBeforeRunning < firstUploadBytes / 10, `${arrive.bytesBeforeRunning} bytes before it ran`);
    assert.ok(arrive.runningMs !== null && arrive.completeMs !== null && arrive.runningMs < arrive.completeMs);
    firstFetchedBytes = arrive.bytesFetched;
    assert.deepEqual([arrive.workingSetPages, arrive.pagesPrefetched], [0, 0]);
    assert.ok(firstFetchedBytes > firstUploadBytes / 2, `${firstFetchedBytes} bytes fetched`);
    seen = await assertGoesOn(b, 'work', seen);
    assert.deepEqual(await statusOf(b, 'work').then(({ state, holder, epoch: held }) => [state, holder, held]), ['running', 'laptop-b', 2]);
    assert.deepEqual(await statusOf(a, 'work').then(({ state, holder }) => [state, holder]), ['elsewhere', 'laptop-b']);
  });

  test('goes back with what changed alone: the rest is in the cache of the host that it comes back to, and all of it is there first', async () => {
    const { a, b } = hosts;
    const { depart } = await b.suspend('work');
    assert.ok(depart.bytesUploaded < firstUploadBytes * 0.15, `${depart.bytesUploaded} bytes after ${firstUploadBytes}`);
    assertNothingLeft(b);
    const { arrive } = await a.must('resume', 'work', '--eager', '--wait');
    assert.deepEqual([arrive.eager, arrive.pagesOnDemand], [true, 0]);
    assert.ok(arrive.bytesBeforeRunning > firstUploadBytes / 2, 'eager means that memory comes first');
    assert.ok(arrive.bytesFetched < firstFetchedBytes / 10, `${arrive.bytesFetched} bytes fetched again, after ${firstFetchedBytes}`);
    assert.ok(arrive.bytesFromCache > firstUploadBytes / 2, `${arrive.bytesFromCache} bytes from the cache`);
    seen = await assertGoesOn(a, 'work', seen);
  });

  test('shows its screen, on the page that was opened before it left too, and to nobody by the same link again', async () => {
    const { a, b } = hosts;
    using watch = await page.watch();
    await watch.until(({ headline, screen }) => headline === 'Running here' && screen);
    const { width, height, pixels } = await page.picture();
    assert.ok(width >= 640 && height >= 400 && new Set(pixels.filter((_byte, at) => at % 4 === 0)).size > 1, `${width} x ${height} of one colour`);
    const { url } = await a.must('view', 'work');
    await ScreenPage.enter(url!);
    await assert.rejects(ScreenPage.enter(url!), /the link/);
    assertRefused(await b.ask('view', 'work'), 'DESKTOP_HELD_ELSEWHERE', 5, /laptop-a/);
  });

  test('keeps in the cache of each host as much as its person allows', async () => {
    const { a, b } = hosts;
    const kept = await a.must('cache');
    assert.deepEqual([kept.desktops.map(({ name }) => name), kept.limitIsDefault], [['work'], true]);
    assert.ok(kept.bytes > firstUploadBytes / 2 && kept.bytes <= kept.limitBytes && kept.bytesFromCache > firstUploadBytes / 2);
    // On the host where nothing runs: its agent has to start anew.
    const limited = await b.must('cache', '--limit', '16M');
    assert.ok(limited.bytes > 0 && limited.bytes <= 16 * 2 ** 20, `${limited.bytes} bytes`);
    await b.stopAgent();
    await b.startAgent();
    assert.deepEqual(await b.must('cache').then(({ limitBytes, bytes }) => [limitBytes, bytes]), [16 * 2 ** 20, limited.bytes]);
    assert.equal((await b.must('cache', '--limit', 'default')).limitIsDefault, true);
    assert.equal((await b.must('cache', '--clear', '--yes')).packs, 0);
  });

  test('has a past that is whole', async () => {
    const { a, b } = hosts;
    const { checkpoints } = await a.must('history', 'work');
    assert.deepEqual(checkpoints.map(({ sequence, epoch, host }) => [sequence, epoch, host]), [[2, 2, 'laptop-b'], [1, 1, 'laptop-a']]);
    const report = await b.must('verify', 'work', '--data');
    assert.deepEqual([report.good, report.checkpoints, report.missing, report.damaged], [true, 2, [], []]);
    assert.ok(report.bytes > firstUploadBytes / 2 && report.pages * 4096 > seen.filledBytes);
  });

  test('can be shut down and started from its own disk, which goes on', async () => {
    const { a } = hosts;
    seen = await tickOf(a, 'work');
    assert.deepEqual(await a.must('stop', 'work'), { name: 'work', clean: true, goesOnFrom: null });
    assert.deepEqual(await statusOf(a, 'work').then(({ state, holder, note }) => [state, holder, note]), ['stopped', 'laptop-a', null]);
    await a.must('start', 'work');
    const booted = await waitForTick(a, 'work', ({ counter }) => counter > seen.counter);
    assert.ok(booted.uptimeSeconds < seen.uptimeSeconds, 'it was started anew');
    assert.deepEqual([booted.memoryOk, booted.diskOk], [true, true]);
    seen = booted;
  });

  test('moves after that too: memory of a new start on top of the old checkpoint', async () => {
    const { a, b } = hosts;
    const { sequence } = await a.suspend('work');
    assert.equal(sequence, 3);
    const { arrive } = await b.must('resume', 'work', '--wait');
    assert.ok(arrive.workingSetPages > 0, 'what it asked for when it first came to b came along through two checkpoints');
    assert.ok(arrive.pagesPrefetched > arrive.workingSetPages / 2, `${arrive.pagesPrefetched} of ${arrive.workingSetPages} pages were sent before it asked`);
    seen = await assertGoesOn(b, 'work', seen);
    await b.must('stop', 'work');
    await b.must('start', 'work');
    const booted = await waitForTick(b, 'work', ({ counter }) => counter > seen.counter);
    assert.deepEqual([booted.memoryOk, booted.diskOk], [true, true]);
    assert.equal((await a.must('verify', 'work', '--data')).good, true);
  });

  test('is fetched from where it runs by one command, with the phases of both ends in one row', async () => {
    const { a, b } = hosts;
    seen = await tickOf(b, 'work');
    assertRefused(await a.ask('resume', 'work'), 'DESKTOP_HELD_ELSEWHERE', 5, /godwit move work/);
    const planned = await a.must('move', 'work', '--dry-run');
    assert.deepEqual([planned.done, planned.from, planned.to, planned.sequence], [false, 'laptop-b', 'laptop-a', 3]);
    const told: ControlProgress[] = [];
    const moved = await a.call('move', { name: 'work', to: null, eager: false, confirmed: true }, (progress) => told.push(progress));
    assert.deepEqual([moved.done, moved.from, moved.to, moved.sequence], [true, 'laptop-b', 'laptop-a', 4]);
    assert.ok(moved.pauseMs !== null && moved.pauseMs > 0 && moved.runningMs !== null && moved.arrive !== null);
    const places = told.map(({ phase, host }) => `${host ?? 'here'} ${phase}`);
    // The upload of a few pages may be over before it is told of.
    const there = places.findLastIndex((place) => place.startsWith('laptop-b'));
    assert.ok(places.includes('laptop-b capture') && places.indexOf('here load') > there, places.join(', '));
    assert.ok(told.every(({ elapsedMs }, at) => at === 0 || elapsedMs >= told[at - 1]!.elapsedMs), 'one time for both ends');
    seen = await assertGoesOn(a, 'work', seen);
    assertNothingLeft(b);
  });

  test('is sent to another host by one command, unless the person of that host does not want it', async () => {
    const { a, b } = hosts;
    await waitForState(a, 'work', ['running']);
    assert.deepEqual(await b.must('arrivals', 'off'), { allowed: false, changed: true });
    assertRefused(await a.ask('move', 'work', '--to', 'laptop-b'), 'ARRIVAL_REFUSED', 1, /laptop-b said: .*no other host/);
    assertRefused(await a.ask('move', 'work', '--to', 'laptop-c'), 'DEVICE_UNKNOWN', 10);
    assert.equal((await statusOf(a, 'work')).state, 'running', 'nothing was changed');
    await b.must('arrivals', 'on');
    const { exitCode, stdout, stderr } = await a.run(['move', 'work', '--to', 'laptop-b']);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /^laptop-a suspended work in a pause of \d+ ms: nothing was given up\.\nwork runs on laptop-b from checkpoint 5, in epoch \d+, \S+ \w+ after it was asked for there\.\n$/);
    seen = await assertGoesOn(b, 'work', seen);
    assertNothingLeft(a);
    assertRefused(await a.ask('move', 'work', '--to', 'laptop-b'), 'ARGUMENT_INVALID', 2, /there already/);
  });
});
