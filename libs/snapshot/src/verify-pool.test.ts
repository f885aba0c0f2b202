import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, newId, type PackId } from '@godwit/base';
import { compress } from './compression.ts';
import type { ManifestPack } from './manifest.ts';
import { beginPack } from './pack.ts';
import { OpenFrame } from './page-frame.ts';
import { defineRegion } from './region.ts';
import { fixture, seededRandom, type Fixture } from './testing/fixture.ts';
import { readWholePack } from './verify-pack.ts';
import { VerifyPool } from './verify-pool.ts';

const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 1024 * 4096 });
/** Enough for threads to be started. */
const manyBytes = 64 * 1024 * 1024;

async function packOf(desktop: Fixture, pages: number): Promise<{ pack: ManifestPack; bytes: Buffer }> {
  const context = { desktopId: desktop.keys.desktopId, keyGeneration: 1, epoch: 1, hostId: desktop.signer.hostId, packId: newId<PackId>(desktop.random) };
  const builder = beginPack(context, desktop.keys);
  for (let first = 0; first < pages; first += 64) {
    const frame = new OpenFrame(ram, 0);
    const content = seededRandom(`${context.packId}/${first}`)(4096);
    for (let page = first; page < Math.min(first + 64, pages); page += 1) frame.add(page, content, 0);
    builder.append('ram', await compress(frame.encode()));
  }
  const { bytes, digest } = builder.finish();
  return { pack: { ...context, lengthBytes: bytes.length, digest }, bytes: Buffer.from(bytes) };
}

test('threads say of many packs at once what one thread says', async () => {
  const desktop = await fixture();
  const packs = await Promise.all([1, 64, 300, 65, 200, 2, 128, 700].map(async (pages) => await packOf(desktop, pages)));
  const pool = new VerifyPool(desktop.keys, true, manyBytes);
  try {
    const contents = await Promise.all(packs.map(async ({ bytes, pack }) => await pool.check(Buffer.from(bytes), pack)));
    for (const [index, { bytes, pack }] of packs.entries()) assert.deepEqual(contents[index], readWholePack(bytes, pack, desktop.keys, true));
  } finally {
    await pool.close();
  }
});

test('what a thread refuses is the fault that it would be here, and the next pack is checked', async () => {
  const desktop = await fixture();
  const { pack, bytes } = await packOf(desktop, 100);
  const pool = new VerifyPool(desktop.keys, true, manyBytes);
  try {
    const damaged = Buffer.from(bytes);
    damaged[500]! ^= 1;
    const refused = async (body: Buffer, of: ManifestPack): Promise<unknown> => await pool.check(body, of).catch((error: unknown) => error);
    const [digest, epoch, cut] = await Promise.all([refused(damaged, pack), refused(Buffer.from(bytes), { ...pack, epoch: 2 }), refused(Buffer.from(bytes.subarray(0, -1)), pack)]);
    for (const error of [digest, epoch, cut]) assert.ok(error instanceof Fault && error.code === 'PACK_CORRUPT' && error.kind === 'corrupt');
    assert.match((digest as Fault).message, /the digest that the manifest names/);
    assert.equal((await pool.check(Buffer.from(bytes), pack)).openedPages, 100);
  } finally {
    await pool.close();
  }
});

test('after its end a pool refuses work instead of waiting for ever', async () => {
  const desktop = await fixture();
  const { pack, bytes } = await packOf(desktop, 700);
  const pool = new VerifyPool(desktop.keys, true, manyBytes);
  const under = Array.from({ length: 6 }, async () => await pool.check(Buffer.from(bytes), pack));
  const settled = Promise.allSettled(under);
  await pool.close();
  for (const { status } of await settled) assert.equal(status, 'rejected');
  await assert.rejects(pool.check(Buffer.from(bytes), pack), (error) => error instanceof Fault && error.code === 'CANCELLED');
});
