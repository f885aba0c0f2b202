import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, type DesktopId } from '@godwit/base';
import { Secret } from '@godwit/crypto';
import { CheckpointReader } from './checkpoint-reader.ts';
import { desktopKeys, type Generations } from './keys.ts';
import { decodeManifestPublic, encodePublic, forkKeyOf, packKeyOf } from './manifest.ts';
import { openManifest, sealManifest } from './manifest-sealed.ts';
import { defineRegion } from './region.ts';
import { fixture, noContract, noStats, readAllPages, seededRandom, type Fixture } from './testing/fixture.ts';
import { verifyDesktop } from './verify.ts';

const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 6 * 4096 });
const forkId = 'f0'.repeat(16) as DesktopId;
const key = (value: number): Generations => new Map([[1, new Secret(Buffer.alloc(32, value))]]);
const sourceKeys = key(1);

interface Forked {
  readonly desktop: Fixture;
  readonly keys: ReturnType<typeof desktopKeys>;
  /** The checkpoint that was forked, the first of the fork, and the next of the fork. */
  readonly manifests: readonly [Buffer, Buffer, Buffer];
}

/** A desktop with one checkpoint, a fork of it, and one more checkpoint of the fork. The fork's epochs begin lower than the desktop's. */
async function forked(): Promise<Forked> {
  const desktop = await fixture('fork');
  const own = desktopKeys(desktop.keys.desktopId, sourceKeys);
  const first = desktop.writer([ram], { keys: own, epoch: 7 });
  await first.putPages(1, Uint32Array.of(0, 2), seededRandom('pages')(8192));
  const one = await first.finish({ contract: noContract, sequence: 5, stats: noStats });
  const source = await CheckpointReader.open({ store: desktop.store, keys: own, manifest: one.manifest, signerPublic: desktop.signer.signPublic });
  const keys = desktopKeys(forkId, key(2), new Map([[desktop.keys.desktopId, sourceKeys]]));
  const fork = desktop.writer([ram], { keys, epoch: 1, forkedFrom: source });
  await fork.putPages(1, Uint32Array.of(1), seededRandom('more')(4096));
  const two = await fork.finish({ contract: noContract, sequence: 1, stats: noStats });
  const parent = await CheckpointReader.open({ store: desktop.store, keys, manifest: two.manifest, signerPublic: desktop.signer.signPublic });
  const next = desktop.writer([ram], { keys, epoch: 2, parent });
  await next.putPages(1, Uint32Array.of(3), Buffer.alloc(4096, 9));
  const three = await next.finish({ contract: noContract, sequence: 2, stats: noStats });
  return { desktop, keys, manifests: [one.manifest, two.manifest, three.manifest] };
}

const verify = async ({ desktop, keys }: Forked, head: Buffer) => await verifyDesktop({ store: desktop.store, keys, head, signerPublicOf: () => desktop.signer.signPublic, data: true });
const open = async ({ desktop, keys }: Forked, manifest: Buffer) => await CheckpointReader.open({ store: desktop.store, keys, manifest, signerPublic: desktop.signer.signPublic });

test('a fork reads the pages of the desktop that it came from, and says so', async () => {
  const setting = await forked();
  const [one, two, three] = setting.manifests;
  const reader = await open(setting, three);
  const pages = await readAllPages(reader, 1);
  assert.deepEqual([...pages.keys()].sort(), [0, 1, 2, 3]);
  const source = seededRandom('pages')(8192);
  assert.ok(pages.get(0)!.equals(source.subarray(0, 4096)) && pages.get(2)!.equals(source.subarray(4096)));
  const { forkedFrom, parent, packs } = decodeManifestPublic(two);
  const { desktopId, sequence, epoch, hostId, commitId } = decodeManifestPublic(one);
  assert.deepEqual([parent, forkedFrom], [undefined, { desktopId, digest: openManifest(one, setting.desktop.keys.desktopId === desktopId ? desktopKeys(desktopId, sourceKeys) : setting.keys, setting.desktop.signer.signPublic).digest, sequence, epoch, hostId, commitId }]);
  assert.deepEqual(new Set(packs.map((pack) => pack.desktopId)), new Set([forkId, desktopId]));
  const report = await verify(setting, three);
  assert.deepEqual([report.ok, report.checkpoints, report.forkedFrom, report.endsBefore], [true, 3, [forkKeyOf(forkedFrom!)], undefined]);
});

test('without the keys of the desktop that it came from, a fork does not open', async () => {
  const setting = await forked();
  const keys = desktopKeys(forkId, key(2));
  const read = async () => await readAllPages(await open({ ...setting, keys }, setting.manifests[2]), 1);
  await assert.rejects(read, (error) => error instanceof Fault && error.code === 'MANIFEST_INVALID');
});

test('the manifest of a fork is none of the desktop that it came from, and the other way round', async () => {
  const setting = await forked();
  const [one, two] = setting.manifests;
  await assert.rejects(open(setting, one), (error) => error instanceof Fault && error.code === 'MANIFEST_INVALID');
  const own = desktopKeys(setting.desktop.keys.desktopId, sourceKeys, new Map([[forkId, key(2)]]));
  await assert.rejects(open({ ...setting, keys: own }, two), (error) => error instanceof Fault && error.code === 'MANIFEST_INVALID');
});

test('packs under swapped origins do not open, even where the store moves them there', async () => {
  const setting = await forked();
  const { desktop, keys } = setting;
  const [, , three] = setting.manifests;
  const good = openManifest(three, keys, desktop.signer.signPublic);
  const foreign = good.public.packs.find((pack) => pack.desktopId !== forkId)!;
  const own = good.public.packs.find((pack) => pack.desktopId === forkId && pack.packId !== good.private.root.packId)!;
  const packs = good.public.packs.map((pack) => {
    const other = pack === foreign ? own : pack === own ? foreign : undefined;
    return other === undefined ? pack : { ...pack, desktopId: other.desktopId, epoch: other.epoch };
  });
  for (const pack of packs) {
    const before = good.public.packs.find(({ packId }) => packId === pack.packId)!;
    desktop.store.objects.set(packKeyOf(pack), desktop.store.objects.get(packKeyOf(before))!);
  }
  const swapped = sealManifest({ ...good, public: { ...good.public, packs } }, keys, desktop.signer.signSecret);
  await assert.rejects(async () => await readAllPages(await open(setting, swapped), 1), (error) => error instanceof Fault && error.code === 'FRAME_CORRUPT');
  const report = await verify(setting, swapped);
  assert.ok(report.damaged.some(({ code }) => code === 'MANIFEST_INVALID'), 'its parent lists them otherwise');
});

test('verify refuses another manifest as the origin, and packs of other desktops that no checkpoint before lists', async () => {
  const setting = await forked();
  const { desktop, keys } = setting;
  const [, two] = setting.manifests;
  const good = openManifest(two, keys, desktop.signer.signPublic);
  const seal = (changes: Partial<typeof good.public>): Buffer => sealManifest({ ...good, public: { ...good.public, ...changes } }, keys, desktop.signer.signSecret);
  const otherDigest = await verify(setting, seal({ forkedFrom: { ...good.public.forkedFrom!, digest: Buffer.alloc(32, 1) } }));
  assert.deepEqual(otherDigest.damaged.map(({ code, subject }) => [code, subject]), [['MANIFEST_INVALID', forkKeyOf(good.public.forkedFrom!)]]);
  const foreign = good.public.packs.find((pack) => pack.desktopId !== forkId)!;
  const strange = { ...foreign, packId: 'ff'.repeat(16) as never };
  desktop.store.objects.set(packKeyOf(strange), desktop.store.objects.get(packKeyOf(foreign))!);
  const borrowed = seal({ packs: [...good.public.packs.filter((pack) => pack !== foreign), strange] });
  assert.equal((await verify(setting, borrowed)).ok, false);
});

test('the writer takes a parent or another desktop, each as what it is', async () => {
  const setting = await forked();
  const { desktop, keys } = setting;
  const parent = await open(setting, setting.manifests[1]);
  for (const options of [{ forkedFrom: parent }, { forkedFrom: parent, parent }]) {
    assert.throws(() => desktop.writer([ram], { keys, ...options }), (error) => error instanceof Fault && error.code === 'VALUE_OUT_OF_RANGE');
  }
  const own = desktopKeys(desktop.keys.desktopId, sourceKeys, new Map([[forkId, key(2)]]));
  assert.throws(() => desktop.writer([ram], { keys: own, parent }), (error) => error instanceof Fault && error.code === 'VALUE_OUT_OF_RANGE');
  const manifest = decodeManifestPublic(setting.manifests[1]);
  assert.equal(Buffer.compare(encodePublic(manifest), setting.manifests[1].subarray(0, encodePublic(manifest).length)), 0);
});
