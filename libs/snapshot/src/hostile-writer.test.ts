import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, newId, type CommitId, type FaultCode, type PackId } from '@godwit/base';
import { livePage } from './checkpoint-reader.ts';
import type { Stored } from './compression.ts';
import { packObjectKey } from './layout.ts';
import { encodeLeaf, type FrameLocation, type Leaf } from './leaf.ts';
import { decodeManifestPublic, packKeyOf, type ManifestPack } from './manifest.ts';
import { sealManifest } from './manifest-sealed.ts';
import { beginPack } from './pack.ts';
import { OpenFrame } from './page-frame.ts';
import { defineRegion } from './region.ts';
import { encodeRoot, type RootLeaf } from './root.ts';
import { fixture, noContract, readAllPages, type Fixture } from './testing/fixture.ts';
import { verifyDesktop } from './verify.ts';

/** A device of the account that has every key and signs what it likes: its checkpoints must not get past their own contradictions. */
interface Lies {
  readonly leaf?: (leaf: Leaf) => Leaf;
  readonly root?: (entry: RootLeaf) => RootLeaf;
  readonly packs?: (packs: ManifestPack[]) => ManifestPack[];
  readonly frame?: (plain: Buffer) => Buffer;
}

const raw = (bytes: Buffer): Stored => ({ compressed: false, bytes, plainBytes: bytes.length });
const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 4 * 4096 });

async function lie(desktop: Fixture, lies: Lies): Promise<Buffer> {
  const { keys, signer, store, random } = desktop;
  const packId = newId<PackId>(random);
  const context = { desktopId: keys.desktopId, keyGeneration: 1, epoch: 1, hostId: signer.hostId, packId };
  const builder = beginPack(context, keys);
  const open = new OpenFrame(ram, 0);
  for (const page of [2, 0, 1]) open.add(page, Buffer.alloc(4096, page + 1), 0);
  const plain = open.encode();
  const location: FrameLocation = { ...builder.append('ram', raw(lies.frame?.(plain) ?? plain)), packId, regionId: 1 };
  const leaf: Leaf = { regionId: 1, leafIndex: 0, frames: [location], references: Uint16Array.of(1, 1, 1, 0), slots: Uint8Array.of(1, 2, 0, 0) };
  const leafLocation = { ...builder.append('leaf', raw(encodeLeaf(lies.leaf?.(leaf) ?? leaf))), packId };
  const entry: RootLeaf = { location: leafLocation, packIds: [packId] };
  const root = { ...builder.append('root', raw(encodeRoot({ regions: [{ regionId: 1, leaves: [lies.root?.(entry) ?? entry] }] }))), packId };
  const pack = builder.finish();
  await store.put(packObjectKey(context), pack.bytes);
  const packs = [{ ...context, lengthBytes: pack.bytes.length, digest: pack.digest }];
  const stats = { bytesScanned: 0, pauseMs: 0, pagesWritten: 3, pagesZero: 1, frames: 1, packs: 1, bytesUploaded: 0 };
  const content = { ...context, sequence: 1, commitId: newId<CommitId>(random), chain: { length: 1, headHash: Buffer.alloc(32) }, createdMs: 0, packs: lies.packs?.(packs) ?? packs };
  return sealManifest({ public: content, private: { contract: noContract, regions: [ram], root, stats } }, keys, signer.signSecret);
}

async function refused(lies: Lies, code: FaultCode): Promise<void> {
  const desktop = await fixture();
  const manifest = await lie(desktop, lies);
  await assert.rejects(
    async () => {
      const reader = await desktop.open(manifest);
      await readAllPages(reader, 1);
      for (const page of [0, 1, 2, 3]) await reader.readPage(1, page);
    },
    (error) => error instanceof Fault && error.code === code,
  );
  const report = await verifyDesktop({ store: desktop.store, keys: desktop.keys, head: manifest, signerPublicOf: () => desktop.signer.signPublic, data: true });
  assert.equal(report.ok, false);
}

test('the honest version of what follows reads and verifies', async () => {
  const desktop = await fixture();
  const manifest = await lie(desktop, {});
  const reader = await desktop.open(manifest);
  assert.deepEqual([...(await readAllPages(reader, 1))].map(([page, bytes]) => [page, bytes[0]]).sort(), [[0, 1], [1, 2], [2, 3]]);
  assert.ok((await verifyDesktop({ store: desktop.store, keys: desktop.keys, head: manifest, signerPublicOf: () => desktop.signer.signPublic, data: true })).ok);
  const frame = await reader.readFrame((await reader.leaf(1, 0)).frames[0]!);
  assert.throws(() => livePage(frame, 1, 0), (error) => error instanceof Fault && error.code === 'TABLE_CORRUPT');
});

test('a table that names another slot than the page lies in', async () => await refused({ leaf: (leaf) => ({ ...leaf, slots: Uint8Array.of(2, 1, 0, 0) }) }, 'TABLE_CORRUPT'));

test('a table that names a frame of another place, length or form', async () => {
  const change = (frame: Partial<FrameLocation>): Lies => ({ leaf: (leaf) => ({ ...leaf, frames: [{ ...leaf.frames[0]!, ...frame }] }) });
  await refused(change({ frameIndex: 1 }), 'FRAME_CORRUPT');
  await refused(change({ offsetBytes: 101 }), 'FRAME_CORRUPT');
  await refused(change({ offsetBytes: 8 * 1024 * 1024 - 20_000 }), 'TABLE_CORRUPT');
  await refused(change({ packId: 'ee'.repeat(16) as PackId }), 'TABLE_CORRUPT');
});

test('a manifest that lists a pack too many', async () => {
  const more = (pack: ManifestPack): ManifestPack => ({ ...pack, packId: 'ff'.repeat(16) as PackId });
  await refused({ packs: (packs) => [...packs, more(packs[0]!)] }, 'TABLE_CORRUPT');
});

test('a pack that the manifest gives another length: the root lies outside, or the whole object is not as long', async () => {
  await refused({ packs: ([pack]) => [{ ...pack!, lengthBytes: 200 }] }, 'MANIFEST_INVALID');
  const desktop = await fixture();
  const manifest = await lie(desktop, { packs: ([pack]) => [{ ...pack!, lengthBytes: pack!.lengthBytes + 1 }] });
  const report = await verifyDesktop({ store: desktop.store, keys: desktop.keys, head: manifest, signerPublicOf: () => desktop.signer.signPublic, data: false });
  assert.deepEqual(report.damaged.map(({ code }) => code), ['PACK_CORRUPT']);
});

test('a frame of another region, of pages beyond the end, or with a page twice', async () => {
  const edit = (write: (plain: Buffer) => void): Lies => ({
    frame: (plain) => {
      const copy = Buffer.from(plain);
      write(copy);
      return copy;
    },
  });
  await refused(edit((plain) => plain.writeUInt16BE(2, 0)), 'FRAME_CORRUPT');
  await refused(edit((plain) => plain.writeUInt32BE(4, 4)), 'FRAME_CORRUPT');
  await refused(edit((plain) => plain.writeUInt32BE(0, 4)), 'FRAME_CORRUPT');
  await refused(edit((plain) => plain.writeUInt16BE(64, 2)), 'FRAME_CORRUPT');
});

test('the whole line: packs of an origin that never wrote them do not open', async () => {
  const desktop = await fixture();
  const manifest = await lie(desktop, { packs: ([pack]) => [{ ...pack!, epoch: 0 }] });
  const [key] = [...desktop.store.objects.keys()];
  const elsewhere = packKeyOf(decodeManifestPublic(manifest).packs[0]!);
  desktop.store.objects.set(elsewhere, desktop.store.objects.get(key!)!);
  await assert.rejects(desktop.open(manifest), (error) => error instanceof Fault && error.code === 'FRAME_CORRUPT');
});
