import assert from 'node:assert/strict';
import { Fault, type FaultCode } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import type { ObjectStore } from './object-store.ts';

export interface ConformanceOptions {
  readonly name: string;
  /** A fresh, empty store for each test. */
  readonly open: () => Promise<{ readonly store: ObjectStore; readonly close?: () => Promise<void> }>;
  /** False for stores of agents, which may only put and get. */
  readonly lists: boolean;
  /** That of `node:test`, which programs do not load. */
  readonly test: (title: string, body: () => Promise<void>) => Promise<void>;
}

export async function refusedWith(code: FaultCode, action: Promise<unknown>): Promise<void> {
  await assert.rejects(action, (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

/** What every ObjectStore does, whichever driver; a driver's test file opens its store and calls this. */
export function storeConformance({ name, open, lists, test }: ConformanceOptions): void {
  const storeTest = (title: string, body: (store: ObjectStore) => Promise<void>): void => {
    void test(`${name}: ${title}`, async () => {
      const { store, close } = await open();
      try {
        await body(store);
      } finally {
        await close?.();
      }
    });
  };
  const key = 'd-1/e-2/h-3/p-4';
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));

  storeTest('what was put comes back, whole and in ranges', async (store) => {
    await store.put(key, bytes);
    assert.ok((await store.get(key)).equals(bytes));
    assert.equal(await store.size(key), bytes.length);
    for (const [offsetBytes, lengthBytes] of [[0, 1], [0, bytes.length], [17, 4096], [bytes.length - 1, 1]] as const) {
      assert.ok((await store.get(key, { offsetBytes, lengthBytes })).equals(bytes.subarray(offsetBytes, offsetBytes + lengthBytes)));
    }
  });
  storeTest('an object is created once: the same bytes again are fine, others change nothing', async (store) => {
    await store.put(key, bytes);
    await store.put(key, bytes);
    await refusedWith('OBJECT_EXISTS', store.put(key, Buffer.from('other')));
    assert.ok((await store.get(key)).equals(bytes));
  });
  storeTest('a body in memory that threads share is stored as it was, whatever becomes of that memory', async (store) => {
    const shared = Buffer.from(new SharedArrayBuffer(bytes.length));
    bytes.copy(shared);
    await store.put(key, shared, sha256(shared));
    shared.fill(0);
    assert.ok((await store.get(key)).equals(bytes));
  });
  storeTest('of two writers of one key at once exactly one wins', async (store) => {
    const results = await Promise.allSettled(['a', 'b', 'c', 'd'].map(async (text) => await store.put(key, Buffer.from(text))));
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal((await store.get(key)).length, 1);
  });
  storeTest('a missing object is OBJECT_MISSING and has no size', async (store) => {
    await refusedWith('OBJECT_MISSING', store.get(key));
    await refusedWith('OBJECT_MISSING', store.get(key, { offsetBytes: 0, lengthBytes: 1 }));
    assert.equal(await store.size(key), undefined);
  });
  storeTest('a range beyond the end is OBJECT_SHORT, never fewer bytes', async (store) => {
    await store.put(key, bytes);
    for (const offsetBytes of [bytes.length - 1, bytes.length, bytes.length + 1]) await refusedWith('OBJECT_SHORT', store.get(key, { offsetBytes, lengthBytes: 2 }));
  });
  storeTest('an empty object has size 0', async (store) => {
    await store.put(key, Buffer.alloc(0));
    assert.equal(await store.size(key), 0);
    assert.equal((await store.get(key)).length, 0);
  });
  storeTest('names that are no names are refused, and ranges that are no ranges', async (store) => {
    for (const name of ['', '/', 'a//b', '../a', 'a/../b', 'a/.', '.incoming/a', 'A', '007', 'a/007', 'a b', 'a\n', 'a/', '/a', 'a'.repeat(600), 'é', 'a\\b', 'a\0']) {
      await refusedWith('VALUE_OUT_OF_RANGE', store.put(name, bytes));
      await refusedWith('VALUE_OUT_OF_RANGE', store.get(name));
      await refusedWith('VALUE_OUT_OF_RANGE', store.size(name));
    }
    await store.put(key, bytes);
    for (const range of [{ offsetBytes: -1, lengthBytes: 1 }, { offsetBytes: 0, lengthBytes: 0 }, { offsetBytes: 0.5, lengthBytes: 1 }, { offsetBytes: 0, lengthBytes: 2 ** 40 }]) {
      await refusedWith('VALUE_OUT_OF_RANGE', store.get(key, range));
    }
  });
  storeTest('an answer is the caller\'s own: changing it changes nothing', async (store) => {
    await store.put(key, bytes);
    (await store.get(key)).fill(0);
    assert.ok((await store.get(key)).equals(bytes));
  });
  if (!lists) return;
  storeTest('a listing is ascending and keeps to its prefix', async (store) => {
    for (const name of ['d-a/e-1/p-1', 'd-a/e-1/p-2', 'd-a/e-10/p-1', 'd-a0/p-1', 'd-b/p-1']) await store.put(name, Buffer.from(name));
    const keysOf = async (prefix: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const { key: name, lengthBytes } of store.list(prefix)) {
        assert.equal(lengthBytes, name.length);
        found.push(name);
      }
      return found;
    };
    assert.deepEqual(await keysOf('d-a/'), ['d-a/e-1/p-1', 'd-a/e-1/p-2', 'd-a/e-10/p-1']);
    assert.deepEqual(await keysOf('d-a/e-1/'), ['d-a/e-1/p-1', 'd-a/e-1/p-2']);
    assert.deepEqual(await keysOf('d-a'), ['d-a/e-1/p-1', 'd-a/e-1/p-2', 'd-a/e-10/p-1', 'd-a0/p-1']);
    assert.equal((await keysOf('')).length, 5);
    assert.deepEqual(await keysOf('nothing'), []);
  });
  storeTest('a deleted object is gone, and deleting it again is fine', async (store) => {
    await store.put(key, bytes);
    await store.delete(key);
    await store.delete(key);
    await refusedWith('OBJECT_MISSING', store.get(key));
  });
}
