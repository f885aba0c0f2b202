import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recorder } from './recorder.ts';

test('pages are noted once, in the order in which they were asked for, until the end', () => {
  const recorder = new Recorder();
  recorder.noteRam(4096, 7);
  recorder.noteDisk(256, 7);
  recorder.noteRam(4096, 7);
  recorder.noteRam(4096, 3);
  recorder.end();
  recorder.noteRam(4096, 4);
  assert.deepEqual(recorder.pages, [{ regionId: 4096, page: 7 }, { regionId: 256, page: 7 }, { regionId: 4096, page: 3 }]);
  assert.equal(recorder.recording, false);
});

test('a guest that reads all of its memory and disk does not fill ours', () => {
  const recorder = new Recorder();
  for (let page = 0; page < 20_000; page += 1) {
    recorder.noteRam(4096, page);
    recorder.noteDisk(256, page);
  }
  assert.equal(recorder.pages.filter(({ regionId }) => regionId === 4096).length, 8192);
  assert.equal(recorder.pages.filter(({ regionId }) => regionId === 256).length, 1024);
});
