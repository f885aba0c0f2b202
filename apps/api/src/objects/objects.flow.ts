import { deepEqual, equal, match } from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { newId, systemRandom, type DesktopId, type HostId, type PackId } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { packObjectKey, signedUrlStore } from '@godwit/snapshot';
import { bytesOf, objectLimitBytes, textOf, type Problem } from '@godwit/wire';
import { systemClock } from '@godwit/base';
import type { TestClient } from '../testing/client.ts';
import { addHost, createDesktop, enrol, raiseStage, uploadPack, type Person, type Stage } from '../testing/stage.ts';
import { newStageBucket } from '../testing/stage-objects.ts';
import { signUrl } from './signed-url.ts';

/** The store behind signed URLs, over real HTTP and real files. */
describe('objects in the directory', { skip: newStageBucket() !== undefined && 'a bucket has a door of its own: bucket.flow.ts' }, () => {
  let stage: Stage;
  let person: Person;
  let client: TestClient;
  let desktopId: DesktopId;

  before(async () => {
    stage = await raiseStage();
    person = await enrol(stage.coordinator);
    client = person.client;
    desktopId = await createDesktop(client);
  });
  after(() => stage[Symbol.asyncDispose]());

  const newKey = (place: Partial<Parameters<typeof packObjectKey>[0]> = {}): string => packObjectKey({ desktopId, epoch: 1, hostId: client.device.hostId, packId: newId<PackId>(systemRandom), ...place });

  const mintPut = async (key: string, lengthBytes: number, digest?: Buffer): Promise<URL> => {
    const object = { key, lengthBytes, ...(digest === undefined ? {} : { sha256: textOf(digest) }) };
    const { urls } = await client.ask('mintUrls', { params: { desktopId }, body: { operation: 'put', epoch: 1, objects: [object] } });
    return new URL(urls[0]!.url, stage.coordinator.url);
  };

  const mintGet = async (key: string, by = client): Promise<URL> => {
    const { urls } = await by.ask('mintUrls', { params: { desktopId }, body: { operation: 'get', objects: [{ key }] } });
    return new URL(urls[0]!.url, stage.coordinator.url);
  };

  const codeOf = async (response: Response): Promise<[number, string]> => [response.status, ((await response.json()) as Problem).code];

  test('are stored once, whole, readable in ranges, by every host of the account', async () => {
    const bytes = systemRandom(300_000);
    const key = newKey();
    const url = await mintPut(key, bytes.length, sha256(bytes));
    equal((await fetch(url, { method: 'PUT', body: bytes })).status, 201);
    equal((await fetch(url, { method: 'PUT', body: bytes })).status, 200);
    deepEqual(await codeOf(await fetch(await mintPut(key, 5), { method: 'PUT', body: 'other' })), [412, 'OBJECT_EXISTS']);
    const other = await addHost(person, stage.coordinator, 'laptop-b');
    const get = await mintGet(key, other);
    const whole = await fetch(get);
    deepEqual([whole.status, Buffer.from(await whole.arrayBuffer()).equals(bytes)], [200, true]);
    const head = await fetch(get, { method: 'HEAD' });
    deepEqual([head.status, head.headers.get('content-length')], [200, '300000']);
    const ranges: readonly [string, number, number, number][] = [
      ['bytes=0-0', 206, 0, 1],
      ['bytes=1000-1999', 206, 1000, 2000],
      ['bytes=299999-', 206, 299_999, 300_000],
      ['bytes=299000-999999', 206, 299_000, 300_000],
      ['bytes=-10', 206, 299_990, 300_000],
      ['bytes=0-9,20-29', 200, 0, 300_000],
      ['pages=1-2', 200, 0, 300_000],
      ['bytes=9-3', 200, 0, 300_000],
    ];
    for (const [range, status, start, end] of ranges) {
      const answer = await fetch(get, { headers: { range } });
      const body = Buffer.from(await answer.arrayBuffer());
      deepEqual([answer.status, body.equals(bytes.subarray(start, end))], [status, true], range);
      if (status === 206) equal(answer.headers.get('content-range'), `bytes ${start}-${end - 1}/300000`);
    }
    const outside = await fetch(get, { headers: { range: 'bytes=300000-' } });
    equal(outside.headers.get('content-range'), 'bytes */300000');
    deepEqual(await codeOf(outside), [416, 'OBJECT_RANGE_REFUSED']);
  });

  test('URLs are good for what they were minted for and nothing else', async () => {
    const bytes = systemRandom(1000);
    const key = newKey();
    const put = await mintPut(key, 1000, sha256(bytes));
    const get = await mintGet(key);
    const altered = (url: URL, change: (copy: URL) => void): URL => {
      const copy = new URL(url);
      change(copy);
      return copy;
    };
    const puts: readonly URL[] = [
      get,
      altered(put, (url) => (url.pathname = url.pathname.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')))),
      altered(put, (url) => (url.pathname = url.pathname.replace(/\/objects\/./, (digit) => (digit.endsWith('0') ? '/objects/1' : '/objects/0')))),
      altered(put, (url) => url.searchParams.set('expires', String(Number(url.searchParams.get('expires')) + 1))),
      altered(put, (url) => url.searchParams.set('length', '1001')),
      altered(put, (url) => url.searchParams.delete('length')),
      altered(put, (url) => url.searchParams.delete('sha256')),
      altered(put, (url) => url.searchParams.delete('signature')),
      altered(put, (url) => url.searchParams.set('signature', '')),
      altered(put, (url) => url.searchParams.append('length', '1000')),
      altered(put, (url) => url.searchParams.append('more', '1')),
      altered(put, (url) => url.searchParams.set('operation', 'get')),
    ];
    for (const url of puts) deepEqual(await codeOf(await fetch(url, { method: 'PUT', body: bytes })), [403, 'URL_REFUSED'], url.search);
    deepEqual(await codeOf(await fetch(put)), [403, 'URL_REFUSED']);
    deepEqual(await codeOf(await fetch(get)), [404, 'OBJECT_NOT_FOUND']);
    const urlKey = await readFile(join(stage.dataDirectory, 'url-key'));
    equal((await stat(join(stage.dataDirectory, 'url-key'))).mode & 0o777, 0o600);
    const old = signUrl({ operation: 'get', accountId: person.accountId, key, expiresMs: Date.now() - 1 }, urlKey);
    deepEqual(await codeOf(await fetch(new URL(old, stage.coordinator.url))), [403, 'URL_EXPIRED']);
    equal((await fetch(put, { method: 'PUT', body: bytes })).status, 201);
  });

  test('are minted for the own lease only, and for keys that are names', async () => {
    const foreign = newId<DesktopId>(systemRandom);
    const keys = [newKey({ desktopId: foreign }), newKey({ epoch: 2 }), newKey({ hostId: newId<HostId>(systemRandom) }), 'd-1', `${newKey()}-x`];
    for (const key of keys) {
      const response = await client.send('mintUrls', { params: { desktopId }, body: { operation: 'put', epoch: 1, objects: [{ key, lengthBytes: 1 }] } });
      deepEqual(await codeOf(response), [403, 'OBJECT_KEY_REFUSED'], key);
    }
    const names = ['', '../url-key', '/etc/passwd', 'a//b', 'a/../b', 'A', 'a%2f', 'a\0', 'a'.repeat(257)];
    for (const key of names) {
      const response = await client.send('mintUrls', { params: { desktopId }, body: { operation: 'get', objects: [{ key }] } });
      deepEqual(await codeOf(response), [400, 'REQUEST_INVALID'], key);
    }
    deepEqual(await codeOf(await client.send('mintUrls', { params: { desktopId }, body: { operation: 'get', objects: [{ key: newKey({ desktopId: foreign }) }] } })), [403, 'OBJECT_KEY_REFUSED']);
    deepEqual(await codeOf(await client.send('mintUrls', { params: { desktopId }, body: { operation: 'put', epoch: 2, objects: [{ key: newKey({ epoch: 2 }), lengthBytes: 1 }] } })), [412, 'EPOCH_FENCED']);
    const large = await client.send('mintUrls', { params: { desktopId }, body: { operation: 'put', epoch: 1, objects: [{ key: newKey(), lengthBytes: objectLimitBytes + 1 }] } });
    deepEqual(await codeOf(large), [400, 'REQUEST_INVALID']);
  });

  test('of another length or digest, and uploads that break, leave nothing behind', async () => {
    const key = newKey();
    const url = await mintPut(key, 1000);
    for (const length of [0, 999, 1001]) deepEqual(await codeOf(await fetch(url, { method: 'PUT', body: Buffer.alloc(length) })), [400, 'OBJECT_LENGTH_REFUSED'], `${length}`);
    deepEqual(await codeOf(await fetch(url, { method: 'PUT', body: new Blob([Buffer.alloc(1000)]).stream(), duplex: 'half' })), [400, 'OBJECT_LENGTH_REFUSED']);
    deepEqual(await codeOf(await fetch(await mintPut(newKey(), 4, sha256(Buffer.from('good'))), { method: 'PUT', body: 'evil' })), [422, 'OBJECT_DIGEST_REFUSED']);
    await new Promise<void>((resolve) => {
      const broken = httpRequest(url, { method: 'PUT', headers: { 'content-length': 1000 } });
      broken.on('error', () => resolve());
      broken.write(Buffer.alloc(500), () => setTimeout(() => broken.destroy(new Error('cut')), 50));
    });
    for (let attempt = 0; attempt < 40 && (await readdir(join(stage.dataDirectory, 'objects/.incoming'))).length > 0; attempt += 1) await new Promise((resolve) => setTimeout(resolve, 25));
    deepEqual(await readdir(join(stage.dataDirectory, 'objects/.incoming')), []);
    equal((await fetch(url, { method: 'PUT', body: Buffer.alloc(1000) })).status, 201);
  });

  test('larger than a piece come in ranges across pieces, also when the one who asked before went away in the middle', async () => {
    const bytes = systemRandom(5_000_001);
    const key = newKey();
    equal((await fetch(await mintPut(key, bytes.length, sha256(bytes)), { method: 'PUT', body: bytes })).status, 201);
    const get = await mintGet(key);
    await new Promise<void>((resolve) => {
      const left = httpRequest(get, (answer) => answer.once('data', () => left.destroy()));
      left.once('close', () => resolve());
      left.on('error', () => undefined);
      left.end();
    });
    const spans: readonly [number, number][] = [[0, 5_000_001], [262_143, 262_145], [262_144, 524_288], [100_000, 2_197_152], [4_999_999, 5_000_001]];
    const found = await Promise.all(spans.map(async ([start, end]) => Buffer.from(await (await fetch(get, { headers: { range: `bytes=${start}-${end - 1}` } })).arrayBuffer()).equals(bytes.subarray(start, end))));
    deepEqual(found, spans.map(() => true));
    equal((await fetch(get, { method: 'POST' })).status, 404);
    deepEqual(await codeOf(await fetch(new URL('/objects/', stage.coordinator.url))), [403, 'URL_REFUSED']);
  });

  test('whose record was lost in a crash are adopted by the next attempt', async () => {
    const pack = await uploadPack(client, stage.coordinator, desktopId, 1, 500);
    const key = newKey();
    const bytes = systemRandom(500);
    const path = join(stage.dataDirectory, 'objects', person.accountId, key);
    match(await readFile(join(stage.dataDirectory, 'objects', person.accountId, pack.key), 'hex'), /^[0-9a-f]{1000}$/);
    await writeFile(path, bytes);
    deepEqual(await codeOf(await fetch(await mintPut(key, 4), { method: 'PUT', body: 'evil' })), [412, 'OBJECT_EXISTS']);
    equal((await fetch(await mintPut(key, 500, sha256(bytes)), { method: 'PUT', body: bytes })).status, 200);
  });

  test('serve the store of libs/snapshot', async () => {
    const store = signedUrlStore({
      clock: systemClock,
      mint: async (operation, objects) => {
        const body =
          operation === 'get'
            ? { operation, objects: objects.map(({ key }) => ({ key })) }
            : { operation, epoch: 1, objects: objects.map(({ key, lengthBytes = 0, sha256: digest }) => ({ key, lengthBytes, ...(digest === undefined ? {} : { sha256: textOf(digest) }) })) };
        const { urls, expiresMs } = await client.ask('mintUrls', { params: { desktopId }, body });
        return urls.map(({ key, url, headers }) => ({ key, url: new URL(url, stage.coordinator.url).href, headers, expiresMs }));
      },
    });
    const key = newKey();
    const bytes = systemRandom(10_000);
    await store.put(key, bytes);
    await store.put(key, bytes);
    equal(await store.size(key), 10_000);
    equal(await store.size(newKey()), undefined);
    equal((await store.get(key, { offsetBytes: 100, lengthBytes: 50 })).equals(bytes.subarray(100, 150)), true);
    equal(bytesOf(textOf(bytes)).equals(await store.get(key)), true);
  });
});
