import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '@godwit/base';
import { framesInFlightMax, packBytesMax, packsInFlightMax } from './limits.ts';
import { defineRegion } from './region.ts';
import type { ObjectStore } from './store/object-store.ts';
import { fixture, noContract, noStats, readAllPages, seededRandom } from './testing/fixture.ts';

const MiB = 1024 * 1024;
const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 96 * MiB });
/** 64 pages that do not compress, different at each call. */
function noise(seed: Buffer, call: number): Buffer {
  const bytes = Buffer.allocUnsafe(64 * 4096);
  for (let at = 0; at < bytes.length; at += seed.length) seed.copy(bytes, at);
  for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32BE(call * 64 + at / 4096, at);
  return bytes;
}
const numbers = (call: number): Uint32Array => Uint32Array.from({ length: 64 }, (_, at) => call * 64 + at);

test('a store that stands still stops the writer within its memory, and nothing is lost when it goes on', async () => {
  const desktop = await fixture();
  let open = false;
  let putting = 0;
  let puttingMax = 0;
  const waiting: (() => void)[] = [];
  const allUnderWay = Promise.withResolvers<undefined>();
  const slow: ObjectStore = {
    ...desktop.store,
    put: async (key, body) => {
      putting += 1;
      puttingMax = Math.max(puttingMax, putting);
      if (putting === packsInFlightMax) allUnderWay.resolve(undefined);
      if (!open) await new Promise<void>((resolve) => waiting.push(resolve));
      await desktop.store.put(key, body);
      putting -= 1;
    },
  };
  const writer = desktop.writer([ram], { store: slow });
  const seed = seededRandom('noise')(4096 * 64);
  let accepted = 0;
  const writing = (async () => {
    for (let call = 0; call < 384; call += 1) {
      await writer.putPages(1, numbers(call), noise(seed, call));
      accepted += 1;
    }
  })();
  await allUnderWay.promise;
  // Then until nothing was accepted for a while; on a slow machine that may be early, which only weakens the upper bound.
  for (let before = -1; before !== accepted; ) {
    before = accepted;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  const heldBytes = accepted * 64 * 4096;
  assert.equal(puttingMax, packsInFlightMax);
  assert.ok(heldBytes >= packsInFlightMax * packBytesMax * 0.9, `${heldBytes} bytes taken`);
  assert.ok(heldBytes <= (packsInFlightMax + 1) * packBytesMax + (framesInFlightMax + 2) * 64 * 4096, `${heldBytes} bytes taken`);
  open = true;
  for (const resume of waiting) resume();
  await writing;
  const { manifest, stats } = await writer.finish({ contract: noContract, sequence: 1, stats: noStats });
  assert.equal(stats.pagesWritten, 384 * 64);
  const report = await readAllPages(await desktop.open(manifest), 1);
  assert.equal(report.size, 384 * 64);
});

test('a store that fails poisons the writer: every later call throws that failure', async () => {
  const desktop = await fixture();
  const full: ObjectStore = { ...desktop.store, put: async () => await Promise.reject(new Fault('STORE_UNAVAILABLE', { found: 'ENOSPC' })) };
  const writer = desktop.writer([ram], { store: full });
  const seed = seededRandom('noise')(4096 * 64);
  const isFull = (error: unknown): boolean => error instanceof Fault && error.code === 'STORE_UNAVAILABLE' && error.found === 'ENOSPC';
  await assert.rejects(async () => {
    for (let call = 0; call < 384; call += 1) await writer.putPages(1, numbers(call), noise(seed, call));
  }, isFull);
  await assert.rejects(writer.putPages(1, numbers(0), noise(seed, 0)), isFull);
  assert.throws(() => writer.putZero(1, numbers(0)), isFull);
  await assert.rejects(writer.finish({ contract: noContract, sequence: 1, stats: noStats }), isFull);
  await writer.abort();
  assert.equal(desktop.store.objects.size, 0);
});

test('after abort nothing is on its way and every call says so', async () => {
  const desktop = await fixture();
  const writer = desktop.writer([ram]);
  const seed = seededRandom('noise')(4096 * 64);
  for (let call = 0; call < 64; call += 1) await writer.putPages(1, numbers(call), noise(seed, call));
  await writer.abort();
  const objects = desktop.store.objects.size;
  await assert.rejects(writer.putPages(1, numbers(0), noise(seed, 0)), (error) => error instanceof Fault && error.code === 'CANCELLED');
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(desktop.store.objects.size, objects);
});

test('the later of two puts of a page wins, also when it was zero in between', async () => {
  const desktop = await fixture();
  const writer = desktop.writer([ram]);
  const one = Uint32Array.of(7);
  const put = async (value: number): Promise<void> => await writer.putPages(1, one, Buffer.alloc(4096, value));
  await put(1);
  await put(2);
  writer.putZero(1, one);
  await put(3);
  await put(0);
  await put(4);
  const { manifest, stats } = await writer.finish({ contract: noContract, sequence: 1, stats: noStats });
  assert.deepEqual([stats.pagesWritten, stats.pagesZero, stats.frames], [4, 2, 3]);
  const reader = await desktop.open(manifest);
  assert.ok((await reader.readPage(1, 7))!.equals(Buffer.alloc(4096, 4)));
  assert.equal(await reader.readPage(1, 8), undefined);
});

test('pages that are none, regions that are none, and bytes of another length are refused', async () => {
  const desktop = await fixture();
  const writer = desktop.writer([ram]);
  const refused = async (action: () => unknown): Promise<void> => await assert.rejects(async () => await action(), (error) => error instanceof Fault && error.code === 'VALUE_OUT_OF_RANGE');
  await refused(() => writer.putPages(1, Uint32Array.of(ram.lengthBytes / 4096), Buffer.alloc(4096, 1)));
  await refused(() => writer.putPages(2, Uint32Array.of(0), Buffer.alloc(4096, 1)));
  await refused(() => writer.putPages(1, Uint32Array.of(0), Buffer.alloc(4095, 1)));
  await refused(() => writer.putZero(1, Uint32Array.of(0xffff_ffff)));
  await refused(() => writer.addRegion(ram));
  await refused(() => writer.addRegion(defineRegion({ id: 2, kind: 'disk', name: 'vda', lengthBytes: 2 ** 43 })));
  await refused(() => writer.finish({ contract: Buffer.alloc(65537), sequence: 1, stats: noStats }));
});
