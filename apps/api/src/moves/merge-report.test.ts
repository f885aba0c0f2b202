import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { mergeReport, type Told } from './merge-report.ts';

const said = (told: Partial<Told>): Told => ({
  kind: 'suspend', state: 'running', phase: 'upload', doneBytes: 0, totalBytes: 100, bytesPerSecond: null, leftMs: null, pauseMs: null, durableMs: null, runningMs: null,
  bytesMoved: 0, bytesChanged: null, fault: null, phases: [], sequence: null, ...told,
});

test('what was told is replaced, but bytes do not go back', () => {
  const { told, advanced } = mergeReport(said({ doneBytes: 60 }), said({ doneBytes: 40, bytesPerSecond: 7 }));
  deepEqual([told.doneBytes, told.bytesPerSecond, advanced], [60, 7, false]);
});

test('it advances with bytes, with a phase, and with its end', () => {
  equal(mergeReport(undefined, said({})).advanced, true);
  equal(mergeReport(said({ doneBytes: 5 }), said({ doneBytes: 6 })).advanced, true);
  equal(mergeReport(said({}), said({ phase: 'commit' })).advanced, true);
  equal(mergeReport(said({}), said({ state: 'done' })).advanced, true);
  equal(mergeReport(said({ doneBytes: 5, totalBytes: 9 }), said({ doneBytes: 5, totalBytes: 90 })).advanced, false);
});

test('what has ended does not run again, but an unknown outcome may become known', () => {
  const ended = said({ state: 'done', doneBytes: 100 });
  equal(mergeReport(ended, said({ doneBytes: 99 })).told, ended);
  equal(mergeReport(said({ state: 'unknown' }), said({ state: 'done' })).told.state, 'done');
});

test('whatever a host tells in whatever order: never back while the total stands, never above it', () => {
  let state = 7;
  const roll = (sides: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
  for (let run = 0; run < 500; run++) {
    let told: Told | undefined;
    for (let word = 0; word < 20; word++) {
      const before = told;
      const report = said({ doneBytes: roll(200), totalBytes: roll(4) === 0 ? null : 50 + roll(150), state: roll(30) === 0 ? 'done' : 'running' });
      told = mergeReport(before, report).told;
      ok(told.totalBytes === null || told.doneBytes <= told.totalBytes);
      if (before !== undefined && (told.totalBytes === null || told.totalBytes >= before.doneBytes)) ok(told.doneBytes >= before.doneBytes);
      ok(before?.state !== 'done' || told.state === 'done');
    }
  }
});
