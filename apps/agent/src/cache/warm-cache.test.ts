import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { silentLog, systemClock } from '@godwit/base';
import { memoryStore, storeConformance, type ByteRange, type MemoryStore } from '@godwit/snapshot';
import { CachedStore } from './cached-store.ts';
import { WarmCache } from './warm-cache.ts';

const MiB = 2 ** 20;
const key = 'd-1/e-2/h-3/p-4';
const name = 'd-1.e-2.h-3.p-4';
const bytes = Buffer.from(Array.from({ length: 3 * MiB }, (_, at) => (at * 7 + (at >> 8)) % 251));

let root: string;
let opened = 0;
before(() => (root = mkdtempSync(join(tmpdir(), 'godwit-cache-'))));
after(() => rmSync(root, { recursive: true }));

function openCache(directory: string, limitBytes?: number): WarmCache {
  return new WarmCache({ directory, clock: systemClock, log: silentLog, ...(limitBytes === undefined ? {} : { limitBytes }) });
}

storeConformance({
  name: 'cached',
  lists: true,
  test,
  open: () => {
    const cache = openCache(join(root, `conformance-${opened++}`));
    // What was put is asked for when the cache has it.
    const store = new CachedStore(memoryStore(), cache);
    const put = store.put.bind(store);
    store.put = async (...of) => {
      await put(...of);
      await cache.contents();
    };
    return Promise.resolve({ store, close: () => cache.close() });
  },
});

describe('the warm cache', () => {
  let directory: string;
  let memory: MemoryStore;
  let cache: WarmCache;
  let store: CachedStore;

  beforeEach(() => {
    directory = join(root, `home-${opened++}`);
    memory = memoryStore();
    memory.objects.set(key, bytes);
    restart();
  });

  function restart(limitBytes?: number): void {
    cache = openCache(directory, limitBytes);
    store = new CachedStore(memory, cache);
  }

  /** Reads the range, which has to be what it is, and returns how many bytes of it came from the store. */
  async function fetchedFor(offsetBytes: number, lengthBytes: number): Promise<number> {
    const before = store.readFrom.storeBytes;
    assert.ok((await store.get(key, { offsetBytes, lengthBytes })).equals(bytes.subarray(offsetBytes, offsetBytes + lengthBytes)), `${lengthBytes} bytes at ${offsetBytes}`);
    await cache.contents();
    return store.readFrom.storeBytes - before;
  }

  test('fetches a range once, and of a longer one only what is between what it has', async () => {
    assert.equal(await fetchedFor(1000, 100_000), 100_000);
    assert.equal(await fetchedFor(1000, 100_000), 0);
    assert.equal(await fetchedFor(50_000, 7), 0);
    assert.equal(await fetchedFor(500_000, 200_000), 200_000);
    assert.equal(await fetchedFor(1000, 699_000), 399_000);
    assert.equal(await fetchedFor(0, 701_000), 701_000, 'one request, not two: what is missing lies at both ends');
    assert.equal(await fetchedFor(0, 701_000), 0);
    memory.objects.clear();
    restart();
    assert.equal(await fetchedFor(0, 701_000), 0, 'the next agent has it too');
    assert.deepEqual(cache.counts, { hits: 1, misses: 0, bytesFromCache: 701_000, bytesFetched: 0 });
  });

  test('has what was put, whole, and nothing of what the store refused', async () => {
    memory.objects.delete(key);
    await store.put(key, bytes);
    await cache.contents();
    assert.equal(await fetchedFor(0, bytes.length), 0);
    await assert.rejects(store.put(key, Buffer.alloc(bytes.length)));
    assert.equal(await fetchedFor(0, bytes.length), 0);
  });

  test('its folder and its files are private, and it keeps no manifest', async () => {
    await fetchedFor(0, 10);
    const manifest = `d-${'1'.repeat(32)}/e-${'0'.repeat(16)}/h-${'3'.repeat(32)}/m-${'0'.repeat(16)}-${'5'.repeat(32)}`;
    await store.put(manifest, Buffer.alloc(10));
    await cache.contents();
    assert.deepEqual(readdirSync(directory), [name]);
    assert.deepEqual([statSync(directory).mode & 0o777, statSync(join(directory, name)).mode & 0o777], [0o700, 0o600]);
  });

  for (const [what, damage] of [
    ['with any one byte changed', (path: string) => flip(path, statSync(path).size >> 1)],
    ['with its header changed', (path: string) => flip(path, 6)],
    ['cut short', (path: string) => truncateSync(path, 70_000)],
    ['emptied', (path: string) => truncateSync(path, 0)],
    ['full of zeros', (path: string) => writeFileSync(path, Buffer.alloc(300_000))],
    ['much too long', (path: string) => truncateSync(path, 100 * MiB)],
    ['of another object', (path: string) => writeFileSync(path, readFileSync(join(directory, 'd-1.p-other')))],
    ['replaced by a symbolic link', (path: string) => {
      rmSync(path);
      symlinkSync('/etc/passwd', path);
    }],
    ['replaced by a folder', (path: string) => {
      rmSync(path);
      mkdirSync(path);
    }],
    ['gone', (path: string) => rmSync(path)],
  ] as const) {
    for (const when of ['while it runs', 'before it starts'] as const) {
      test(`a file that is ${what} ${when} costs a request, and is mended`, async () => {
        await fetchedFor(10, 200_000);
        memory.objects.set('d-1/p-other', Buffer.alloc(MiB, 'o'));
        await store.get('d-1/p-other', { offsetBytes: 10, lengthBytes: 200_000 });
        await cache.contents();
        damage(join(directory, name));
        if (when === 'before it starts') restart();
        await fetchedFor(10, 200_000);
        await fetchedFor(10, 200_000);
        restart();
        // A file that was exchanged under an open one keeps no more than what is read from then on.
        await fetchedFor(10, 200_000);
        assert.equal(await fetchedFor(10, 200_000), 0);
      });
    }
  }

  test('asks the original for what did not open, and has that from then on', async () => {
    memory.objects.set(key, Buffer.alloc(bytes.length));
    await store.get(key, { offsetBytes: 5, lengthBytes: 100_000 });
    await cache.contents();
    memory.objects.set(key, bytes);
    const wrong: ByteRange = { offsetBytes: 20, lengthBytes: 50 };
    assert.ok((await store.get(key, wrong)).equals(Buffer.alloc(50)));
    assert.ok((await store.getAfresh(key, wrong)).equals(bytes.subarray(20, 70)));
    await cache.contents();
    memory.objects.clear();
    restart();
    assert.equal(await fetchedFor(20, 50), 0);
  });

  test('stays within its limit, and gives up what was used least recently', async () => {
    restart(4 * MiB);
    const keys = Array.from({ length: 6 }, (_, index) => `d-1/p-${'abcdef'[index]}`);
    for (const each of keys) memory.objects.set(each, bytes.subarray(0, MiB));
    const readAll = async (wanted: readonly string[]): Promise<number> => {
      const before = store.readFrom.storeBytes;
      for (const each of wanted) await store.get(each, { offsetBytes: 0, lengthBytes: MiB - 1000 });
      await cache.contents();
      return store.readFrom.storeBytes - before;
    };
    await readAll(keys.slice(0, 3));
    await readAll(keys.slice(0, 1));
    await readAll(keys.slice(3, 4));
    const { files, bytes: held } = await cache.contents();
    assert.deepEqual([...files.keys()], ['d-1.p-c', 'd-1.p-a', 'd-1.p-d']);
    assert.ok(held <= 4 * MiB);
    assert.equal(await readAll([keys[0]!, keys[2]!, keys[3]!]), 0);
    await cache.setLimit(MiB);
    assert.deepEqual(readdirSync(directory), ['d-1.p-d']);
    await cache.setLimit(0);
    assert.deepEqual(readdirSync(directory), []);
    await readAll(keys);
    assert.deepEqual(readdirSync(directory), []);
    await cache.setLimit(undefined);
    await readAll(keys);
    assert.equal(readdirSync(directory).length, 6);
    await cache.clear();
    assert.deepEqual(readdirSync(directory), []);
  });

  test('knows after a restart what was used last', async () => {
    for (const [index, each] of ['d-1.p-old', 'd-1.p-new', 'd-1.p-oldest'].entries()) {
      memory.objects.set(each.replace('.', '/'), bytes);
      await store.get(each.replace('.', '/'), { offsetBytes: 0, lengthBytes: 1000 });
      await cache.contents();
      utimesSync(join(directory, each), 1000, [2000, 3000, 1000][index]!);
    }
    restart();
    assert.deepEqual([...(await cache.contents()).files.keys()], ['d-1.p-oldest', 'd-1.p-old', 'd-1.p-new']);
  });

  test('drops what comes faster than it can write, and takes what comes later', async () => {
    const large = Buffer.alloc(8 * MiB, 'x');
    const keys = Array.from('abcdef', (letter) => `d-1/p-${letter}`);
    for (const each of keys) cache.keep(each, 0, large);
    assert.equal((await cache.contents()).files.size, 3);
    cache.keep(keys[5]!, 0, large);
    assert.equal((await cache.contents()).files.size, 4);
  });

  test('has all that was put, however fast it came', async () => {
    const packs = Array.from({ length: 12 }, (_, index) => ({ key: `d-1/e-2/h-3/p-${100 + index}`, body: Buffer.alloc(4 * MiB, index) }));
    await Promise.all(packs.map(async ({ key: packKey, body }) => {
      await store.put(packKey, body);
      // Whoever put it uses that memory again.
      body.fill(255);
    }));
    await cache.contents();
    for (const [index, { key: packKey }] of packs.entries()) assert.ok((await store.get(packKey, { offsetBytes: 0, lengthBytes: 4 * MiB })).equals(Buffer.alloc(4 * MiB, index)), packKey);
    assert.equal(store.readFrom.storeBytes, 0);
  });

  test('makes room for others', async () => {
    await fetchedFor(0, MiB);
    await cache.makeRoom(1);
    assert.equal(readdirSync(directory).length, 1);
    await cache.makeRoom(2 ** 52);
    assert.deepEqual(readdirSync(directory), []);
  });

  test('that cannot have its folder answers nothing and fails nobody', async () => {
    writeFileSync(`${directory}-file`, '');
    directory = `${directory}-file`;
    restart();
    assert.equal(await fetchedFor(0, 1000), 1000);
    assert.equal(await fetchedFor(0, 1000), 1000);
  });
});

function flip(path: string, at: number): void {
  const found = readFileSync(path);
  found[at]! ^= 1;
  writeFileSync(path, found);
}
