import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { refusedWith, storeConformance } from './conformance.ts';
import { directoryStore } from './directory-store.ts';
import { memoryStore } from './memory-store.ts';

storeConformance({ name: 'memory', lists: true, test, open: async () => ({ store: memoryStore() }) });

async function folder(): Promise<{ directory: string; close: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'godwit-store-'));
  return { directory, close: async () => await rm(directory, { recursive: true }) };
}

storeConformance({
  name: 'directory',
  lists: true,
  test,
  open: async () => {
    const { directory, close } = await folder();
    return { store: directoryStore({ directory: join(directory, 'not-there-yet') }), close };
  },
});

test('directory: files and folders are private, nothing half-written stays behind', async () => {
  const { directory, close } = await folder();
  try {
    const store = directoryStore({ directory });
    await store.put('d-1/p-1', Buffer.from('one'));
    await refusedWith('OBJECT_EXISTS', store.put('d-1/p-1', Buffer.from('two')));
    assert.equal((await stat(join(directory, 'd-1/p-1'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(directory, 'd-1'))).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(join(directory, '.incoming')), []);
  } finally {
    await close();
  }
});

test('directory: a symbolic link in the place of an object is not followed', async () => {
  const { directory, close } = await folder();
  try {
    await writeFile(join(directory, 'outside'), 'secret');
    await symlink(join(directory, 'outside'), join(directory, 'p-1'));
    await refusedWith('STORE_DENIED', directoryStore({ directory }).get('p-1'));
  } finally {
    await close();
  }
});

test('directory: a folder that cannot be written is STORE_UNAVAILABLE or STORE_DENIED, not an error of the system', async () => {
  const { directory, close } = await folder();
  try {
    await writeFile(join(directory, 'file'), '');
    await refusedWith('STORE_UNAVAILABLE', directoryStore({ directory: join(directory, 'file') }).put('p-1', Buffer.from('one')));
  } finally {
    await close();
  }
});
