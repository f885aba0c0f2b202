import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ControlResult, DoctorFinding } from '@godwit/wire';
import { plain } from './colours.ts';
import { changesText } from './doctor-watch.ts';

const finding = (check: string, state: DoctorFinding['state'], found = 'a figure', code = check): DoctorFinding => ({ code, check, state, found, hint: state === 'good' ? null : 'do this', fix: null, fixed: false });
const look = (...findings: DoctorFinding[]): ControlResult<'doctor'> => ({ findings, verdict: 'good' });
const changes = (before: ControlResult<'doctor'>, now: ControlResult<'doctor'>): string[] => changesText(before, now, '12:03', plain);

describe('godwit doctor --every', () => {
  const well = look(finding('disk', 'good'), finding('store', 'good'));

  test('tells what has become worse, with what to do, and what is well again', () => {
    const ill = look(finding('disk', 'good'), finding('store', 'degraded', 'it cannot be reached'));
    assert.deepEqual(changes(well, ill), ['12:03 store: works with less than it could: it cannot be reached; do this']);
    assert.deepEqual(changes(ill, well), ['12:03 store: well again: a figure']);
    assert.deepEqual(changes(ill, look(finding('disk', 'good'), finding('store', 'degraded', 'slow', 'store-slow'))), ['12:03 store: works with less than it could: slow; do this']);
  });

  test('says nothing of figures that only vary', () => {
    assert.deepEqual(changes(well, look(finding('disk', 'good', '3 GiB free'), finding('store', 'good', '2 ms'))), []);
    const ill = look(finding('store', 'degraded', '10 KiB/s'));
    assert.deepEqual(changes(ill, look(finding('store', 'degraded', '11 KiB/s'))), []);
  });

  test('what could not be looked at before is told only where it is not well', () => {
    const stopped = look(finding('disk', 'bad'));
    assert.deepEqual(changes(stopped, well), ['12:03 disk: well again: a figure']);
    assert.deepEqual(changes(stopped, look(finding('disk', 'good'), finding('store', 'degraded', 'slow'))), ['12:03 disk: well again: a figure', '12:03 store: works with less than it could: slow; do this']);
  });
});
