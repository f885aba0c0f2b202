import { deepEqual, equal, ok } from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Bucket, s3SettingsOf, type S3Settings } from '@godwit/api';
import { Fault, systemClock } from '@godwit/base';
import { storeConformance } from '@godwit/snapshot';
import { lockForOneDay, startCeph, type Ceph } from './ceph.ts';

/** The driver for S3, held to what every store does, on a real gateway. */
describe('S3', () => {
  let ceph: Ceph;
  let made = 0;

  before(async () => {
    ceph = await startCeph();
  });
  after(() => ceph[Symbol.asyncDispose]());

  const settingsOf = (bucket: string, more: Record<string, string> = {}): S3Settings => s3SettingsOf({ ...ceph.environmentOf(bucket), ...more })!;

  async function newBucket(more: Record<string, string> = {}, locking = false): Promise<Bucket> {
    const name = `bucket-${(made += 1)}`;
    await ceph.client.makeBucket(name, '', { ObjectLocking: locking });
    return new Bucket(settingsOf(name, more), systemClock);
  }

  storeConformance({ name: 'S3', lists: true, test, open: async () => ({ store: (await newBucket()).objects }) });
  storeConformance({ name: 'S3 below a prefix', lists: true, test, open: async () => ({ store: (await newBucket({ S3_PREFIX: 'teams/Godwit_1' })).objects }) });

  test('a prefix keeps to itself', async () => {
    const bucket = await newBucket({ S3_PREFIX: 'one/' });
    await bucket.objects.put('a/b', Buffer.from('mine'));
    await ceph.client.putObject(bucket.settings.bucket, 'one-more/a/b', 'theirs');
    await ceph.client.putObject(bucket.settings.bucket, 'two/a/b', 'theirs');
    deepEqual(await allNames(bucket), ['a/b']);
    equal((await ceph.client.statObject(bucket.settings.bucket, 'one/a/b')).size, 4);
  });

  test('a listing of more names than one page holds is whole', async () => {
    const bucket = await newBucket();
    const keys = Array.from({ length: 1_203 }, (_, at) => `a/k-${String(at).padStart(4, '0')}`);
    const left = [...keys];
    await Promise.all(Array.from({ length: 16 }, async () => {
      for (let key = left.pop(); key !== undefined; key = left.pop()) await bucket.objects.put(key, Buffer.from('x'));
    }));
    deepEqual(await allNames(bucket), keys);
  });

  test('a bucket that keeps versions has none left of what was deleted', async () => {
    const bucket = await newBucket();
    const { bucket: name } = bucket.settings;
    await ceph.client.setBucketVersioning(name, { Status: 'Enabled' });
    await bucket.objects.put('a/b', Buffer.from('one'));
    await bucket.objects.put('a/b-more', Buffer.from('stays'));
    await bucket.objects.delete('a/b');
    await bucket.objects.delete('a/b');
    const { objects } = await ceph.client.listObjectsQuery(name, '', '', { Delimiter: '', MaxKeys: 1000, IncludeVersion: true });
    deepEqual(objects.map((item) => item.name), ['a/b-more']);
  });

  test('an object under a lock stays, and says so', async () => {
    const bucket = await newBucket({}, true);
    const { bucket: name } = bucket.settings;
    await lockForOneDay(ceph.client, name);
    await bucket.objects.put('a/b', Buffer.from('kept'));
    await refused('OBJECT_LOCKED', bucket.objects.delete('a/b'));
    equal((await bucket.objects.get('a/b')).toString(), 'kept');
  });

  test('what is wrong with keys, names and addresses is said by name', async () => {
    const bucket = await newBucket();
    const { bucket: name } = bucket.settings;
    const cases: readonly (readonly [Record<string, string>, string, RegExp])[] = [
      [{ S3_SECRET_ACCESS_KEY: 'wrong' }, 'STORE_DENIED', /S3_SECRET_ACCESS_KEY/],
      [{ S3_ACCESS_KEY_ID: 'nobody' }, 'STORE_DENIED', /S3_ACCESS_KEY_ID/],
      [{ S3_BUCKET: 'nowhere' }, 'STORE_DENIED', /S3_BUCKET/],
      [{ S3_ENDPOINT: 'http://127.0.0.1:1' }, 'STORE_UNAVAILABLE', /./],
    ];
    for (const [change, code, hint] of cases) {
      const wrong = new Bucket(settingsOf(name, change), systemClock);
      const fault = await refused(code, wrong.objects.delete('a/b'));
      ok(hint.test(fault.hint), fault.hint);
      await refused(code, allNames(wrong));
      await refused(code, wrong.objects.put('a/b', Buffer.from('x')));
    }
  });

  test('a gateway that went away is unavailable, and its return goes unnoticed', async () => {
    const bucket = await newBucket();
    await bucket.objects.put('a/b', Buffer.from('kept'));
    await ceph.killGateway();
    await refused('STORE_UNAVAILABLE', bucket.objects.get('a/b'));
    await refused('STORE_UNAVAILABLE', bucket.objects.delete('a/b'));
    await ceph.startGateway();
    equal((await bucket.objects.get('a/b')).toString(), 'kept');
  });

  test('an answer without end is cut', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/xml' });
      const go = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(2 ** 20, '<'))) continue;
      };
      response.on('drain', go);
      go();
    });
    server.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      const bucket = new Bucket(settingsOf('endless', { S3_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }), systemClock);
      ok((await refused('STORE_UNAVAILABLE', allNames(bucket))).message.length < 2_000);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

async function allNames(bucket: Bucket): Promise<string[]> {
  const names: string[] = [];
  for await (const { key } of bucket.objects.list('')) names.push(key);
  return names;
}

async function refused(code: string, action: Promise<unknown>): Promise<Fault> {
  const error: unknown = await action.then(() => undefined, (thrown: unknown) => thrown);
  ok(error instanceof Fault, `expected ${code}, found ${String(error)}`);
  equal(error.code, code, error.message);
  return error;
}
