import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { DesktopId } from '@godwit/base';
import type { DesktopStatus } from '@godwit/wire';
import fc from 'fast-check';
import { homeAt, type Home } from '../home.ts';
import { noteLeft, withLeftNotes } from './left-notes.ts';
import { leftName, type Left } from './new-desktop.ts';

const idOf = (number: number): DesktopId => String(number).padStart(32, '0') as DesktopId;
const leftAs = (number: number): Left => ({ desktopId: idOf(number), name: `work.left-laptop-a-${number}`, commitId: idOf(900 + number), takenBy: 'laptop-b', takenEpoch: 2 });

function shown(number: number, state: DesktopStatus['state'], note: string | null = null): DesktopStatus {
  return {
    name: `work.left-laptop-a-${number}`, desktopId: idOf(number), state, note, holder: null, epoch: 1, sequence: 1, memoryBytes: null, arrival: null, departure: null, qemuResidentBytes: null, offline: 'keep', holding: null,
  };
}

describe('what a user is told of copies that were left behind', () => {
  let home: Home;
  const notes = async (...desktops: DesktopStatus[]): Promise<(string | null)[]> => (await withLeftNotes(home, desktops)).map(({ note }) => note);

  beforeEach(() => (home = homeAt(mkdtempSync(join(tmpdir(), 'godwit-left-')))));
  afterEach(() => rmSync(home.directory, { recursive: true, force: true }));

  test('is said until somebody has gone on with it, and never again', async () => {
    await noteLeft(home, 'work', leftAs(1), 'stored');
    await noteLeft(home, 'work', leftAs(2), 'here');
    const said = [
      'work was taken over by laptop-b; what was here is kept as work.left-laptop-a-1: godwit resume work.left-laptop-a-1',
      'work was taken over by laptop-b; what was here is kept as work.left-laptop-a-2: godwit start work.left-laptop-a-2',
    ];
    assert.deepEqual(await notes(shown(1, 'left'), shown(2, 'stopped'), shown(3, 'free')), [...said, null]);
    assert.deepEqual(await notes(shown(1, 'free'), shown(2, 'stopped')), said);
    assert.deepEqual(await notes(shown(1, 'elsewhere'), shown(2, 'running')), [null, null]);
    assert.deepEqual(await notes(shown(1, 'free'), shown(2, 'stopped')), [null, null]);
  });

  test('does not hide what is more urgent, and is forgotten with its desktop', async () => {
    await noteLeft(home, 'work', leftAs(1), 'here');
    assert.deepEqual(await notes(shown(1, 'stopped', 'its machine ended by itself')), ['its machine ended by itself']);
    assert.deepEqual(await notes(), []);
    assert.deepEqual(await notes(shown(1, 'stopped')), [null]);
  });

  test('noted twice is said once; of too many the newest are kept', async () => {
    for (let number = 1; number <= 20; number += 1) await noteLeft(home, 'work', leftAs(number), 'stored');
    await noteLeft(home, 'work', leftAs(20), 'stored');
    const all = Array.from({ length: 20 }, (_, index) => shown(index + 1, 'free'));
    assert.deepEqual((await notes(...all)).map((note) => note !== null), all.map((_, index) => index >= 4));
  });

  test('a damaged file is a fault that names it', async () => {
    writeFileSync(home.leftFile, '{');
    await assert.rejects(withLeftNotes(home, []), { code: 'RECORD_DAMAGED', subject: home.leftFile });
  });
});

test('the name of a copy is free, begins like its desktop, and is one that the coordinator takes', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
  fc.assert(fc.property(name, name, fc.integer({ min: 0, max: 30 }), (desktop, hostName, takenCount) => {
    const taken: { name: string }[] = [];
    for (let count = 0; count <= takenCount; count += 1) {
      const found = leftName(desktop, hostName, taken);
      assert.match(found, /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
      assert.ok(found.startsWith(desktop.slice(0, 20)) && !taken.some((other) => other.name.toLowerCase() === found.toLowerCase()));
      taken.push({ name: found.toUpperCase() });
    }
  }));
});
