import { equal, ok } from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { Bucket, s3SettingsOf } from '@godwit/api';
import { systemClock } from '@godwit/base';
import { assertGoesOn, startBusy } from '../e2e/two-hosts.ts';
import { waitForWhole } from '../house/guest.ts';
import { enrolSecond, House } from '../house/house.ts';
import { startCeph } from './ceph.ts';

const completeMs = 120_000;

/** The main job with every byte in a real S3: real QEMU, two agents and a coordinator as programs. */
test('a desktop moves to another host and back through a bucket, and nothing of it passes the coordinator', { timeout: 300_000 }, async () => {
  await using ceph = await startCeph();
  await ceph.client.makeBucket('desktops');
  const environment = { ...ceph.environmentOf('desktops'), S3_PREFIX: 'godwit' };
  const bucket = new Bucket(s3SettingsOf(environment)!, systemClock);
  await using house = new House();
  await house.startCoordinator('127.0.0.1:0', [], environment);
  const [a, b] = await Promise.all([house.addHost('laptop-a'), house.addHost('laptop-b')]);
  await a.must('init', '--coordinator', house.url, '--name', a.name);
  await enrolSecond(a, b, house.url);
  let seen = await startBusy(a, 'work');

  const { depart } = await a.suspend('work');
  ok(depart.bytesUploaded > seen.filledBytes / 2);
  ok((await bytesIn(bucket)) >= depart.bytesUploaded, 'what was uploaded is in the bucket');
  equal(existsSync(house.objectsDirectory), false, 'and the coordinator has no folder for it');

  const { arrive } = await b.must('resume', 'work');
  ok(arrive.bytesBeforeRunning < depart.bytesUploaded / 10, `${arrive.bytesBeforeRunning} bytes before it ran`);
  await waitForWhole(b, 'work', completeMs);
  seen = await assertGoesOn(b, 'work', seen);

  await b.suspend('work');
  await a.must('resume', 'work');
  await waitForWhole(a, 'work', completeMs);
  await assertGoesOn(a, 'work', seen);
  const verified = await a.must('verify', 'work', '--data');
  equal(verified.good, true);
});

async function bytesIn(bucket: Bucket): Promise<number> {
  let sum = 0;
  for await (const { lengthBytes } of bucket.objects.list('')) sum += lengthBytes;
  return sum;
}
