import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, newId, type PackId } from '@godwit/base';
import { createDevice, Secret } from '@godwit/crypto';
import { CheckpointReader } from './checkpoint-reader.ts';
import { compress } from './compression.ts';
import { desktopKeys } from './keys.ts';
import { packKeyOf, manifestKeyOf } from './manifest.ts';
import { checkPack, beginPack, readPack } from './pack.ts';
import { openFrame, openStored } from './pack-format.ts';
import { defineRegion } from './region.ts';
import { fixture, noContract, noStats, readAllPages, seededRandom, type Fixture } from './testing/fixture.ts';
import { readWholePack } from './verify-pack.ts';
import { verifyDesktop } from './verify.ts';

const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 6 * 4096 });
const device = defineRegion({ id: 9, kind: 'device', name: 'device', lengthBytes: 5000 });

/** Two small checkpoints: the whole repository is a few KiB, so that every byte of it can be flipped. */
async function small(seed = 'small'): Promise<{ desktop: Fixture; manifests: Buffer[] }> {
  const desktop = await fixture(seed);
  const first = desktop.writer([ram, device]);
  // A page that hardly compresses would make the repository large: these are small once compressed.
  await first.putPages(1, Uint32Array.of(0, 2, 4), Buffer.concat([1, 2, 3].map((value) => Buffer.alloc(4096, value))));
  await first.putPages(9, Uint32Array.of(0, 1), Buffer.alloc(8192, 5));
  const one = await first.finish({ contract: noContract, sequence: 1, stats: noStats });
  const second = desktop.writer([ram, device], { parent: await desktop.open(one.manifest), epoch: 2 });
  await second.putPages(1, Uint32Array.of(1), Buffer.alloc(4096, 6));
  const two = await second.finish({ contract: noContract, sequence: 2, stats: noStats });
  return { desktop, manifests: [one.manifest, two.manifest] };
}

async function readAll(desktop: Fixture, manifest: Buffer): Promise<CheckpointReader> {
  const reader = await desktop.open(manifest);
  for (const { id } of reader.regions) await readAllPages(reader, id);
  return reader;
}

const verify = async (desktop: Fixture, head: Buffer, data = true) =>
  await verifyDesktop({ store: desktop.store, keys: desktop.keys, head, signerPublicOf: () => desktop.signer.signPublic, data });

test('a healthy desktop verifies, and says what was seen', async () => {
  const { desktop, manifests } = await small();
  const report = await verify(desktop, manifests[1]!);
  assert.deepEqual([report.ok, report.checkpoints, report.packs, report.pages, report.endsBefore], [true, 2, 2, 6, undefined]);
  const stored = [...desktop.store.objects.values()].reduce((sum, body) => sum + body.length, 0);
  assert.equal(report.bytes, stored);
});

test('every byte of every object, flipped: refused by verify, and no read gives other bytes', async () => {
  const { desktop, manifests } = await small();
  const head = manifests[1]!;
  const good = await readAll(desktop, head);
  const truth = await readAllPages(good, 1);
  const readsTruthOrNothing = async (manifest: Buffer, place: string): Promise<void> => {
    try {
      for (const [page, bytes] of await readAllPages(await desktop.open(manifest), 1)) assert.ok(truth.get(page)!.equals(bytes), `${place}: page ${page}`);
    } catch (error) {
      assert.ok(error instanceof Fault && (error.kind === 'corrupt' || error.code === 'SIGNATURE_INVALID'), `${place}: ${String(error)}`);
    }
  };
  let flips = 0;
  for (const [key, body] of desktop.store.objects) {
    for (let at = 0; at < body.length; at += 1) {
      const bit = 1 << at % 8;
      body[at]! ^= bit;
      flips += 1;
      const isHead = key === manifestKeyOf(good.manifest.public);
      const report = await verify(desktop, isHead ? Buffer.from(body) : head);
      assert.equal(report.ok, false, `${key} byte ${at}`);
      assert.equal(report.missing.length, 0, `${key} byte ${at}`);
      // Reading repeats what verify found: every third byte keeps the test short.
      if (at % 3 === 0) await readsTruthOrNothing(isHead ? Buffer.from(body) : head, `${key} byte ${at}`);
      body[at]! ^= bit;
    }
  }
  assert.ok(flips > 1000, `${flips} flips`);
  assert.ok((await verify(desktop, head)).ok);
});

test('truncated, empty, longer and doubled objects are refused', async () => {
  const { desktop, manifests } = await small();
  const head = manifests[1]!;
  for (const [key, body] of [...desktop.store.objects].filter(([name]) => name.includes('/p-'))) {
    for (const damaged of [Buffer.alloc(0), body.subarray(0, 1), body.subarray(0, body.length - 1), body.subarray(0, 100), Buffer.concat([body, Buffer.of(0)]), Buffer.concat([body, body.subarray(-8)]), Buffer.concat([body, body])]) {
      desktop.store.objects.set(key, damaged);
      const report = await verify(desktop, head, false);
      assert.equal(report.ok, false, `${key} ${damaged.length} of ${body.length}`);
    }
    desktop.store.objects.set(key, body);
  }
  for (let length = 0; length < head.length; length += 1) await assert.rejects(desktop.open(head.subarray(0, length)), Fault);
  await assert.rejects(desktop.open(Buffer.concat([head, Buffer.of(0)])), Fault);
});

test('what is missing comes as a list; a hidden parent is said to be out of reach', async () => {
  const { desktop, manifests } = await small();
  const reader = await desktop.open(manifests[1]!);
  const packKeys = reader.manifest.public.packs.map(packKeyOf);
  const [older] = packKeys.filter((key) => key.includes('/e-0000000000000001/'));
  desktop.store.objects.delete(older!);
  const report = await verify(desktop, manifests[1]!);
  assert.deepEqual(report.missing, [older]);
  await assert.rejects(readAllPages(reader, 1), (error) => error instanceof Fault && error.code === 'DATA_MISSING' && error.subject === older);
  const again = await small();
  again.desktop.store.objects.delete(manifestKeyOf((await again.desktop.open(again.manifests[0]!)).manifest.public));
  const withoutParent = await verify(again.desktop, again.manifests[1]!);
  assert.deepEqual([withoutParent.ok, withoutParent.checkpoints], [true, 1]);
  assert.match(withoutParent.endsBefore ?? '', /\/m-0000000000000001-/);
});

test('packs under each other\'s names, and frames in each other\'s places, do not open', async () => {
  const { desktop, manifests } = await small();
  const head = manifests[1]!;
  const [a, b] = [...desktop.store.objects.keys()].filter((key) => key.includes('/p-'));
  const [bodyA, bodyB] = [desktop.store.objects.get(a!)!, desktop.store.objects.get(b!)!];
  desktop.store.objects.set(a!, bodyB).set(b!, bodyA);
  assert.equal((await verify(desktop, head)).ok, false);
  await assert.rejects(desktop.open(head), Fault);
  desktop.store.objects.set(a!, bodyA).set(b!, bodyB);
  const opened = readPack(bodyA, desktop.keys);
  const [first, second] = opened.frames;
  const sealedOf = (entry: typeof first): Buffer => bodyA.subarray(entry!.offsetBytes, entry!.offsetBytes + entry!.sealedBytes);
  const refused = (open: () => Buffer): void => {
    assert.throws(open, (error) => error instanceof Fault && error.code === 'FRAME_CORRUPT');
  };
  refused(() => openStored(opened.keys.seal, opened.contextBytes, { ...first!, sealedBytes: second!.sealedBytes }, first!.kind, sealedOf(second)));
  refused(() => openStored(opened.keys.seal, opened.contextBytes, { ...first!, frameIndex: 1 }, first!.kind, sealedOf(first)));
  // Which frame comes first is the order in which they were compressed.
  const others = (['ram', 'disk', 'device', 'firmware', 'leaf', 'root', 'footer'] as const).filter((kind) => kind !== first!.kind);
  for (const kind of others) refused(() => openStored(opened.keys.seal, opened.contextBytes, first!, kind, sealedOf(first)));
  refused(() => openStored(opened.keys.seal, opened.contextBytes, { ...first!, plainBytes: first!.plainBytes - 1 }, first!.kind, sealedOf(first)));
});

test('a pack that its writer sealed a second time with other content is not the one in the manifest', async () => {
  const { desktop, manifests } = await small();
  const [key] = [...desktop.store.objects.keys()].filter((name) => name.includes('/p-'));
  const { context } = readPack(desktop.store.objects.get(key!)!, desktop.keys);
  const again = beginPack(context, desktop.keys);
  again.append('ram', await compress(Buffer.alloc(4100, 9)));
  const { bytes } = again.finish();
  const [pack] = (await desktop.open(manifests[1]!)).manifest.public.packs.filter(({ packId }) => packId === context.packId);
  assert.throws(() => readWholePack(bytes, { ...pack!, lengthBytes: bytes.length }, desktop.keys, false), (error) => error instanceof Fault && error.code === 'PACK_CORRUPT');
});

test('another desktop, another writer, another key generation: refused', async () => {
  const [one, other] = [await small('one'), await small('other')];
  await assert.rejects(one.desktop.open(other.manifests[1]!), (error) => error instanceof Fault && error.code === 'SIGNATURE_INVALID');
  const stranger = createDevice(seededRandom('stranger'));
  const { desktop } = one;
  const forged = desktop.writer([ram], { signer: stranger });
  const { manifest } = await forged.finish({ contract: noContract, sequence: 1, stats: noStats });
  await assert.rejects(desktop.open(manifest), (error) => error instanceof Fault && error.code === 'SIGNATURE_INVALID');
  const withoutFirst = desktopKeys(desktop.keys.desktopId, new Map([[2, new Secret(Buffer.alloc(32, 1))]]));
  const open = { store: desktop.store, manifest: one.manifests[0]!, signerPublic: desktop.signer.signPublic };
  await assert.rejects(CheckpointReader.open({ ...open, keys: withoutFirst }), (error) => error instanceof Fault && error.code === 'MANIFEST_INVALID');
  const wrongKey = desktopKeys(desktop.keys.desktopId, new Map([[1, new Secret(Buffer.alloc(32, 1))]]));
  await assert.rejects(CheckpointReader.open({ ...open, keys: wrongKey }), (error) => error instanceof Fault && error.code === 'MANIFEST_INVALID');
});

test('no two desktops, and no two writes of the same content, have equal names or equal ciphertext', async () => {
  const [one, other] = [await small('left'), await small('right')];
  const names = new Set<string>();
  const windows = new Set<string>();
  for (const { desktop } of [one, other]) {
    for (const [key, body] of desktop.store.objects) {
      names.add(key.split('/').at(-1)!);
      if (key.includes('/p-')) for (let at = 100; at + 16 <= body.length; at += 16) windows.add(body.toString('hex', at, at + 16));
    }
  }
  const objects = [...one.desktop.store.objects, ...other.desktop.store.objects];
  assert.equal(names.size, objects.length);
  const expected = objects.filter(([key]) => key.includes('/p-')).reduce((sum, [, body]) => sum + Math.floor((body.length - 100) / 16), 0);
  assert.equal(windows.size, expected, 'every 16 bytes of sealed data occur once');
});

test('a decompression bomb and other lengths than announced are refused', async () => {
  const desktop = await fixture();
  const context = { desktopId: desktop.keys.desktopId, keyGeneration: 1, epoch: 1, hostId: desktop.signer.hostId, packId: newId<PackId>(desktop.random) };
  const bomb = await compress(Buffer.alloc(4 * 1024 * 1024));
  const builder = beginPack(context, desktop.keys);
  builder.append('ram', { ...bomb, plainBytes: 200_000 });
  builder.append('ram', { ...(await compress(Buffer.alloc(1000))), plainBytes: 1001 });
  builder.append('ram', { compressed: true, bytes: Buffer.from('no zstd frame'), plainBytes: 100 });
  const pack = builder.finish();
  await checkPack(pack, desktop.keys);
  const opened = readPack(pack.bytes, desktop.keys);
  for (const entry of opened.frames) {
    await assert.rejects(openFrame(opened.keys.seal, opened.contextBytes, entry, entry.kind, pack.bytes.subarray(entry.offsetBytes, entry.offsetBytes + entry.sealedBytes)), (error) => error instanceof Fault && error.code === 'FRAME_CORRUPT');
  }
  const tooLong = beginPack({ ...context, packId: newId<PackId>(desktop.random) }, desktop.keys);
  tooLong.append('ram', { ...bomb, plainBytes: 4 * 1024 * 1024 });
  assert.throws(() => readPack(tooLong.finish().bytes, desktop.keys), (error) => error instanceof Fault && error.code === 'PACK_CORRUPT');
});

test('a pack whose bytes changed in memory after sealing is not uploaded', async () => {
  const desktop = await fixture();
  const builder = beginPack({ desktopId: desktop.keys.desktopId, keyGeneration: 1, epoch: 1, hostId: desktop.signer.hostId, packId: newId<PackId>(desktop.random) }, desktop.keys);
  builder.append('ram', await compress(Buffer.alloc(5000, 1)));
  const pack = builder.finish();
  assert.throws(() => builder.append('ram', { compressed: false, bytes: Buffer.of(1), plainBytes: 1 }));
  for (const at of [10, 80, 120, pack.bytes.length - 30, pack.bytes.length - 2]) {
    pack.bytes[at]! ^= 4;
    await assert.rejects(checkPack(pack, desktop.keys), Fault, `byte ${at}`);
    pack.bytes[at]! ^= 4;
  }
});
