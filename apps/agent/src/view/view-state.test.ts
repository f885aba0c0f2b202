import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { viewState, type DesktopStatus } from '@godwit/wire';
import { nothingDone, viewStateOf, type LastDone } from './view-state.ts';

const status = (state: DesktopStatus['state'], more: Partial<DesktopStatus> = {}): DesktopStatus => ({ name: 'work', desktopId: 'a'.repeat(32), state, holder: null, epoch: 1, sequence: 3, memoryBytes: null, arrival: null, departure: null, qemuResidentBytes: null, note: null, offline: 'keep', holding: null, ...more });
const progress = { phase: 'upload', doneBytes: 5, totalBytes: 10, bytesPerSecond: 1, leftMs: 5, elapsedMs: 1, say: null };
const suspended: LastDone = { ...nothingDone, operation: 'suspend', safe: { sequence: 3, leaf: 12 } };

describe('what the page of a screen says', () => {
  test('is of the form that its reader expects, in every state', () => {
    for (const state of ['stopped', 'running', 'departing', 'arriving', 'filling', 'unknown', 'lost', 'saved', 'left', 'damaged', 'elsewhere', 'free', 'new'] as const) {
      const said = viewStateOf('work', status(state), nothingDone, false);
      assert.deepEqual(viewState.parse(said), said);
      assert.notEqual(said.headline, '');
      assert.notEqual(said.tone, 'safe', `${state} is not known to be safe`);
    }
  });

  test('never says safe before the proof, and names the checkpoint with it', () => {
    const leaving = viewStateOf('work', status('departing'), { ...nothingDone, operation: 'suspend', progress }, true);
    assert.deepEqual([leaving.tone, leaving.headline, leaving.detail, leaving.progress], ['moves', 'Suspending: upload', 'Do not close the lid yet.', { doneBytes: 5, totalBytes: 10 }]);
    const safe = viewStateOf('work', status('free'), suspended, false);
    assert.deepEqual([safe.tone, safe.headline], ['safe', 'Safe to close the lid']);
    assert.match(safe.detail, /work@3 .*leaf 12 /);
    assert.equal(viewStateOf('work', status('free', { sequence: 4 }), suspended, false).tone, 'elsewhere');
    assert.equal(viewStateOf('work', status('unknown'), suspended, false).tone, 'trouble');
  });

  test('says where it went, and that nobody knows', () => {
    assert.equal(viewStateOf('work', status('elsewhere', { holder: 'laptop-b' }), suspended, false).headline, 'On laptop-b');
    assert.equal(viewStateOf('work', undefined, suspended, false).tone, 'trouble');
  });

  test('a checkpoint in the background changes nothing, a failure shows', () => {
    assert.equal(viewStateOf('work', status('running'), { ...nothingDone, operation: 'checkpoint', progress }, true).headline, 'Running here');
    assert.deepEqual(viewStateOf('work', status('running'), { ...nothingDone, failure: 'the store is gone' }, true).detail, 'the store is gone');
  });
});
