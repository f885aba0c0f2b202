import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { runCampaign } from './campaign.ts';

test('a small campaign of mutations: all refused, nothing released, no fault that is not of bytes', async (t) => {
  const seed = randomBytes(4).toString('hex');
  const { mutations, refused, plaintextBytesReleased, unexpectedFaults, kinds, failures } = await runCampaign({ seed, everyByte: 23, everyPair: 17, largeBytes: 4 * 1024 * 1024, largeBits: 100 });
  assert.deepEqual(failures, [], `seed ${seed}`);
  assert.deepEqual([refused, plaintextBytesReleased, unexpectedFaults], [mutations, 0, 0], `seed ${seed}`);
  for (const kind of ['pack header', 'ram frame', 'disk frame', 'device frame', 'leaf', 'root', 'pack footer', 'manifest public', 'manifest private', 'manifest signature', 'pack', 'manifest', 'store', 'large: ram frame']) assert.ok((kinds[kind]?.mutations ?? 0) > 0, kind);
  t.diagnostic(`${mutations} mutations, ${refused} refused, seed ${seed}`);
});
