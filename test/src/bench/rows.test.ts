import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ArriveFigures, DepartFigures } from '@godwit/wire';
import { noLinkFigures } from './link-check.ts';
import { links, loopback } from './links.ts';
import { noOurFigures } from './our-figures.ts';
import { noPeerFigures } from './peer-figures.ts';
import { noPlainFigures } from './plain-figures.ts';
import { partsOf, rowsOf, type Figures } from './rows.ts';
import type { Scenario } from './selection.ts';

const idle: Scenario = { size: 512, link: loopback, load: 'idle' };
const far: Scenario = { ...idle, link: links.find(({ word }) => word === '20')! };
const place = { guestMiB: 512, link: 'loopback', load: 'idle' };
const nothing = (): Figures => ({ ours: noOurFigures(), peers: noPeerFigures(), plain: noPlainFigures(), link: noLinkFigures() });

/** Only the figures that rows are made of. */
const arrival = (runningMs: number, firstOutputMs: number): ArriveFigures => ({
  runningMs, firstOutputMs, completeMs: 4000, bytesBeforeRunning: 2 ** 20, bytesFetched: 5, bytesFromCache: 6,
} as ArriveFigures);
const checkpoint = { pauseMs: 31, durableMs: 1000, bytesUploaded: 300_000, pagesChanged: 30 };

describe('which rows there are', () => {
  test('only what they need is measured', () => {
    assert.deepEqual([...partsOf(idle, 'running')].sort(), ['moves', 'postcopy']);
    assert.deepEqual([...partsOf(idle, 'fetched before running')], ['moves']);
    assert.deepEqual([...partsOf(idle, 'first checkpoint, throughput')].sort(), ['checkpoints', 'plain']);
    assert.deepEqual([...partsOf(far, 'the link itself')], ['link']);
    assert.deepEqual([...partsOf(idle, 'the link itself')], []);
    for (const part of ['checkpoints', 'suspends', 'moves', 'streams', 'backups', 'precopy', 'postcopy', 'plain'] as const) assert.ok(partsOf(idle, undefined).has(part), part);
    // Too long over a slow link, and no comparison either.
    for (const part of ['backups', 'precopy'] as const) assert.ok(!partsOf(far, undefined).has(part), part);
  });

  test('the bars are those of the place', () => {
    const figures = nothing();
    figures.ours.firstArrival.push(arrival(301, 5001));
    figures.ours.knownDesktop.push(arrival(300, 701));
    figures.peers.postcopy.push({ cost: { totalMs: 1, pauseMs: 1 }, runningMs: 10, firstOutputMs: 20 });
    const bars = (scenario: Scenario): [string, number, boolean][] => rowsOf(scenario, undefined, figures, place).rows.flatMap(({ name, bar }) => (bar === null ? [] : [[name, bar.limit, bar.met]]));
    assert.deepEqual(bars(idle), [['running', 300, false], ['running, of a desktop that has moved before', 300, true], ['fetched before running', 2 ** 20, true], ['first output, working set recorded', 700, false]]);
    assert.deepEqual(bars(far), [['fetched before running', 2 ** 20, true], ['first output', 5000, false], ['first output, working set recorded', 5000, true]]);
  });

  test('a checkpoint is held against the peers of its own run', () => {
    const figures = nothing();
    figures.ours.first.push({ ...checkpoint, bytesUploaded: 1e8 });
    figures.ours.later.push(checkpoint);
    figures.ours.changed.push({ pages: 30, compressedBytes: 80_000 });
    figures.peers.zstdFile.push({ cost: { totalMs: 500, pauseMs: 9 }, bytes: 9e7 });
    figures.peers.plainFile.push({ cost: { totalMs: 800, pauseMs: 8 }, bytes: 2e8 });
    figures.peers.restic.first.push({ ms: 5000, addedBytes: 1e8 });
    figures.peers.restic.later.push({ ms: 4000, addedBytes: 3e6 });
    const { rows, empty } = rowsOf(idle, 'checkpoint', figures, place);
    const found = rows.map(({ name, peer, bar }) => [name, peer, bar?.limit, bar?.met]);
    assert.deepEqual(found, [
      ['pause of a checkpoint', 8, 30, false],
      ['first checkpoint, durable', 500, 1000, true],
      ['first checkpoint, bytes', 9e7, undefined, undefined],
      ['later checkpoint, durable', 800, 960, false],
      ['later checkpoint, bytes', 80_000, 1.15 * 80_000 + 200 * 1024, false],
      ['later checkpoint, pages', 30, undefined, undefined],
      ['first checkpoint, durable', 5000, undefined, undefined],
      ['later checkpoint, durable', 4000, undefined, undefined],
      ['later checkpoint, bytes', 3e6, 3e5, true],
    ]);
    // What borg did not do is not passed off as a row without a peer.
    assert.ok(empty.some(({ peerName }) => peerName.startsWith('borg')));
    assert.ok(empty.some(({ name }) => name === 'suspend right after a checkpoint, durable'));
  });

  test('the suspend of a protected desktop has its bar at 2 GiB', () => {
    const figures = nothing();
    figures.ours.protectedSuspend.push({ durableMs: 2001 } as DepartFigures);
    figures.peers.zstdFile.push({ cost: { totalMs: 500, pauseMs: 9 }, bytes: 9e7 });
    const barAt = (size: Scenario['size']): unknown => rowsOf({ ...idle, size }, 'right after', figures, place).rows.map(({ bar }) => bar?.text);
    assert.deepEqual([barAt(512), barAt(2048)], [[undefined], ['<= 2000 ms']]);
  });

  test('a shaped link is held against its own name, within a tenth', () => {
    const figures = nothing();
    figures.link.roundTripMs.push(65.9);
    figures.link.upBytesPerMs.push(2300);
    figures.link.downBytesPerMs.push(2200);
    assert.deepEqual(rowsOf(far, 'the link itself', figures, place).rows.map(({ ours, peer, bar }) => [ours, peer, bar?.met]), [[65.9, 60, true], [2.3, 2.5, true], [2.2, 2.5, false]]);
  });
});
