import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Fault } from '@godwit/base';
import type { CheckpointWriter } from './checkpoint-writer.ts';
import { FrameSlots } from './frame-slots.ts';
import { framesInFlightMax, openFramesMax, packBytesMax, packsInFlightMax } from './limits.ts';
import { PackStream } from './pack-stream.ts';
import { PackThreads, type FrameHandOver } from './pack-threads.ts';
import type { SlotFrame } from './pack-worker.ts';
import type { OpenFrame } from './page-frame.ts';
import { PageFramer, type FramedPages } from './page-framer.ts';
import { defineRegion } from './region.ts';
import type { ObjectStore } from './store/object-store.ts';
import { fixture, noContract, noStats, readAllPages, seededRandom, type Fixture } from './testing/fixture.ts';

const MiB = 2 ** 20;
const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 256 * MiB });
const noise = seededRandom('noise')(64 * 4096);
const numbers = (call: number): Uint32Array => Uint32Array.from({ length: 64 }, (_, at) => call * 64 + at);

/** 64 pages that do not compress, different at each call. */
function content(call: number): Buffer {
  const bytes = Buffer.from(noise);
  for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32BE(1 + call * 64 + at / 4096, at);
  return bytes;
}

/** A framer that hands its frames over as a capture thread does, but on this thread: it must not ask for more slots than there are. */
function framing({ slots: shared, ports }: FrameHandOver): PageFramer {
  const slots = new FrameSlots(shared);
  return new PageFramer({
    memory: () => slots.bytes(slots.take()),
    closed: (frame: OpenFrame) => {
      const plain = frame.encode();
      const message: SlotFrame = { number: frame.number, regionId: frame.region.id, kind: frame.region.kind, slot: slots.slotOf(plain), plainBytes: plain.length };
      ports[frame.number % ports.length]!.postMessage(message);
    },
  });
}

/** Threads under test, and a writer on them. */
function threaded(desktop: Fixture, store: ObjectStore, threads: number): { packs: PackThreads; writer: CheckpointWriter } {
  let packs: PackThreads | undefined;
  const writer = desktop.writer([], { store, packer: (options) => (packs = new PackThreads(options, threads)) });
  return { packs: packs!, writer };
}

const isFault = (code: string) => (error: unknown): boolean => error instanceof Fault && error.code === code;

describe('packs made on threads', { timeout: 120_000 }, () => {
  for (const threads of [1, 2]) {
    test(`hold what this thread and a capture put into them (${threads} threads)`, async () => {
      const desktop = await fixture();
      const { packs, writer } = threaded(desktop, desktop.store, threads);
      const handOver = packs.connect();
      const framer = framing(handOver);
      framer.addRegion(ram);
      for (let call = 0; call < 12; call += 1) framer.put(1, numbers(call), content(call));
      framer.putZero(1, Uint32Array.of(3));
      framer.put(1, Uint32Array.of(9000), Buffer.alloc(4096, 9));
      framer.close();
      writer.adopt(framer.framed(), packs.placesOf(framer.framed().frames));
      await writer.putPages(1, numbers(20), content(20));
      const { manifest, stats } = await writer.finish({ contract: noContract, sequence: 1, stats: noStats });
      for (const port of handOver.ports) port.close();
      assert.deepEqual([stats.frames, stats.pagesWritten, stats.pagesZero, stats.packs], [14, 13 * 64 + 1, 1, desktop.store.objects.size - 1]);
      const pages = await readAllPages(await desktop.open(manifest), 1);
      assert.equal(pages.size, 13 * 64);
      assert.equal(pages.get(3), undefined);
      assert.ok(pages.get(9000)!.equals(Buffer.alloc(4096, 9)));
      for (const call of [0, 11, 20]) assert.ok(pages.get(call * 64 + 5)!.equals(content(call).subarray(5 * 4096, 6 * 4096)));
    });
  }

  test('come out byte for byte as on this thread', async () => {
    const [one, other] = [await fixture('same'), await fixture('same')];
    const write = async (writer: CheckpointWriter): Promise<void> => {
      writer.addRegion(ram);
      await writer.putPages(1, numbers(0), Buffer.alloc(64 * 4096, 5));
      await writer.finish({ contract: noContract, sequence: 1, stats: noStats });
    };
    // The ids of packs that nobody fills would shift those of the others.
    const ids = Array.from({ length: 8 }, () => one.random(16));
    const random = (pool: Buffer[]) => (): Buffer => pool.shift()!;
    await write(one.writer([], { random: random([...ids]), packer: (options) => new PackThreads(options, 1) }));
    await write(other.writer([], { random: random([ids[0]!, ids[5]!]), packer: (options) => new PackStream(options) }));
    const packsOf = ({ store }: Fixture): Buffer[] => [...store.objects].filter(([key]) => key.includes('/p-')).map(([, body]) => body);
    assert.equal(packsOf(one).length, 1);
    assert.deepEqual(packsOf(one), packsOf(other));
  });

  test('wait for a store that stands still, with no more memory than was agreed', async () => {
    const desktop = await fixture();
    const waiting: (() => void)[] = [];
    let heldBytes = 0;
    let open = false;
    const slow: ObjectStore = {
      ...desktop.store,
      put: async (key, body) => {
        heldBytes += body.buffer.byteLength;
        if (!open) await new Promise<void>((resolve) => waiting.push(resolve));
        await desktop.store.put(key, body);
        heldBytes -= body.buffer.byteLength;
      },
    };
    const { packs, writer } = threaded(desktop, slow, 1);
    writer.addRegion(ram);
    let accepted = 0;
    const writing = (async () => {
      for (; accepted < 240; accepted += 1) await writer.putPages(1, numbers(accepted), content(accepted));
    })();
    for (let before = -1; before !== accepted || waiting.length === 0; ) {
      before = accepted;
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    assert.ok(accepted < 240, `${accepted} frames taken`);
    assert.ok(heldBytes <= (packsInFlightMax + 1) * packBytesMax, `${heldBytes} bytes on their way`);
    open = true;
    for (const resume of waiting) resume();
    await writing;
    const { manifest } = await writer.finish({ contract: noContract, sequence: 1, stats: noStats });
    assert.equal((await readAllPages(await desktop.open(manifest), 1)).size, 240 * 64);
    await packs.abort(undefined);
  });

  test('end with the failure of the store, wherever somebody waits', async () => {
    const desktop = await fixture();
    const full: ObjectStore = { ...desktop.store, put: async () => await Promise.reject(new Fault('STORE_UNAVAILABLE', { found: 'ENOSPC' })) };
    const { packs, writer } = threaded(desktop, full, 1);
    const failed = assert.rejects(packs.failed, isFault('STORE_UNAVAILABLE'));
    writer.addRegion(ram);
    await assert.rejects(async () => {
      for (let call = 0; call < 240; call += 1) await writer.putPages(1, numbers(call), content(call));
      await writer.finish({ contract: noContract, sequence: 1, stats: noStats });
    }, isFault('STORE_UNAVAILABLE'));
    await failed;
    await assert.rejects(packs.placesOf(1), isFault('STORE_UNAVAILABLE'));
    await writer.abort();
  });

  test('refuse a frame that is none, and say what was wrong with it', async () => {
    const desktop = await fixture();
    const { packs } = threaded(desktop, desktop.store, 1);
    const { ports } = packs.connect();
    const failed = assert.rejects(packs.failed, isFault('INTERNAL'));
    ports[0]!.postMessage({ number: 0, regionId: 1, kind: 'ram', slot: 99_999, plainBytes: 10 } satisfies SlotFrame);
    await failed;
    await packs.abort(undefined);
  });

  test('that die are a fault, not a wait without end', async () => {
    const desktop = await fixture();
    const { packs } = threaded(desktop, desktop.store, 1);
    const places = assert.rejects(packs.placesOf(1), isFault('INTERNAL'));
    packs.connect().ports[0]!.postMessage(null);
    await places;
    await packs.abort(undefined);
  });

  test('are nowhere after abort, and whoever waits is told why', async () => {
    const desktop = await fixture();
    const { packs, writer } = threaded(desktop, desktop.store, 2);
    const places = assert.rejects(packs.placesOf(1), isFault('CANCELLED'));
    await writer.abort();
    await places;
    await assert.rejects(packs.append('ram', Buffer.alloc(8)), isFault('CANCELLED'));
    assert.equal(desktop.store.objects.size, 0);
  });
});

describe('slots that threads share', () => {
  const ended: Worker[] = [];
  after(async () => {
    await Promise.all(ended.map((worker) => worker.terminate()));
  });

  test('stop a thread while all are taken, and let it go on', async () => {
    const slots = new FrameSlots();
    const first = slots.take();
    let count = 1;
    for (const seen = new Set([first]); count < framesInFlightMax + openFramesMax; count += 1) {
      const slot = slots.take();
      assert.ok(!seen.has(slot));
      seen.add(slot);
    }
    const worker = new Worker(`require('node:worker_threads').parentPort.once('message', async ({ shared, code }) => {
      const { FrameSlots } = await import(code);
      require('node:worker_threads').parentPort.postMessage(new FrameSlots(shared).take());
    })`, { eval: true });
    ended.push(worker);
    const taken = new Promise<number>((resolve) => worker.once('message', resolve));
    worker.postMessage({ shared: slots.shared, code: new URL('frame-slots.js', import.meta.url).href });
    const early = await Promise.race([taken, new Promise((resolve) => setTimeout(resolve, 500, 'none'))]);
    assert.equal(early, 'none');
    slots.give(first);
    assert.equal(await taken, first);
  });
});

// What crosses threads has to survive it.
test('framed pages are cloned whole', () => {
  const framer = new PageFramer({ memory: () => Buffer.alloc(300_000), closed: () => undefined });
  framer.addRegion(ram);
  framer.put(1, numbers(2), content(2));
  framer.close();
  const clone: FramedPages = structuredClone(framer.framed());
  assert.deepEqual(clone, framer.framed());
});
