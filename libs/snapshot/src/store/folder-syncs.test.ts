import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FolderSyncs } from './folder-syncs.ts';

interface Begun {
  readonly path: string;
  readonly end: (error?: Error) => void;
}

/** Syncs that end when the test says so. */
function byHand(): { begun: Begun[]; syncs: FolderSyncs } {
  const begun: Begun[] = [];
  const syncs = new FolderSyncs((path) => new Promise((resolve, reject) => begun.push({ path, end: (error) => (error === undefined ? resolve() : reject(error)) })));
  return { begun, syncs };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('whoever asks while a folder is being synced waits for the next sync, which all of them share', async () => {
  const { begun, syncs } = byHand();
  const done: string[] = [];
  const ask = (name: string): void => void syncs.sync('/a').then(() => done.push(name));
  ask('first');
  ask('second');
  ask('third');
  void syncs.sync('/b');
  await turn();
  assert.deepEqual(begun.map(({ path }) => path), ['/a', '/b']);
  begun[0]!.end();
  await turn();
  assert.deepEqual([done, begun.length], [['first'], 3]);
  ask('fourth');
  begun[2]!.end();
  await turn();
  assert.deepEqual([done, begun.length], [['first', 'second', 'third'], 4]);
  begun[3]!.end();
  await turn();
  assert.deepEqual(done, ['first', 'second', 'third', 'fourth']);
  ask('later');
  assert.equal(begun.length, 5);
});

test('a sync that fails fails for those who waited for it, and the next is another try', async () => {
  const { begun, syncs } = byHand();
  const asked = [syncs.sync('/a'), syncs.sync('/a')];
  const settled = Promise.allSettled(asked);
  begun[0]!.end(new Error('EIO'));
  await turn();
  begun[1]!.end();
  assert.deepEqual((await settled).map(({ status }) => status), ['rejected', 'fulfilled']);
});
