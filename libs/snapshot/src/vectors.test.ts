import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommitId, HostId, PackId } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import type { Stored } from './compression.ts';
import { encodeLeaf, type FrameLocation } from './leaf.ts';
import { manifestKeyOf, type ManifestPublic } from './manifest.ts';
import { openManifest, sealManifest } from './manifest-sealed.ts';
import { beginPack, readPack } from './pack.ts';
import { OpenFrame } from './page-frame.ts';
import { defineRegion } from './region.ts';
import { encodeRoot, type Root } from './root.ts';
import { fixture, seededRandom } from './testing/fixture.ts';

/**
 * Format v1 with fixed keys: these digests must never change. Nothing here is compressed: zstd may find another, equally good form in
 * another version. The keys come from SHA-256 in counter mode over "fixture/<n>" (testing/fixture.ts).
 */
const vectors = {
  pack: 'fcce4bd526fdf3c3df476093be9fab2d78c4d2d2c294bf1569426fca331fb247',
  leaf: 'a46547917d2480e2ffed04c4ad2d2fba13cd837338cfaffe9bff92a7c0814124',
  root: '444b37df2bccd4dbfa9d81e63c513901d3e173b6c9ba44bb9041d32beda55dd6',
  manifest: '9a84f1d4af03017695000d8dc71d42c04976cc37a80c469cc3327b30d9417d50',
};

const packId = '000102030405060708090a0b0c0d0e0f' as PackId;
const raw = (bytes: Buffer): Stored => ({ compressed: false, bytes, plainBytes: bytes.length });

test('the bytes of format v1 have not changed', async () => {
  const { keys, signer } = await fixture();
  const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 3 * 4096 });
  const context = { desktopId: keys.desktopId, keyGeneration: 1, epoch: 7, hostId: signer.hostId, packId };
  const builder = beginPack(context, keys);
  const frame = new OpenFrame(ram, 0);
  frame.add(2, seededRandom('page')(4096), 0);
  frame.add(0, Buffer.alloc(4096, 1), 0);
  const frameLocation: FrameLocation = { ...builder.append('ram', raw(frame.encode())), packId, regionId: 1 };
  const leaf = encodeLeaf({ regionId: 1, leafIndex: 0, frames: [frameLocation], references: Uint16Array.of(1, 0, 1), slots: Uint8Array.of(1, 0, 0) });
  const leafLocation = { ...builder.append('leaf', raw(leaf)), packId };
  const rootNode: Root = { regions: [{ regionId: 1, leaves: [{ location: leafLocation, packIds: [packId] }] }] };
  const root = encodeRoot(rootNode);
  const rootLocation = { ...builder.append('root', raw(root)), packId };
  const pack = builder.finish();
  const parent = { digest: Buffer.alloc(32, 3), epoch: 6, sequence: 41, hostId: 'aa'.repeat(16) as HostId, commitId: 'bb'.repeat(16) as CommitId };
  const content: ManifestPublic = {
    ...context,
    sequence: 42,
    commitId: 'cc'.repeat(16) as CommitId,
    parent,
    chain: { length: 3, headHash: Buffer.alloc(32, 4) },
    createdMs: 1_750_000_000_000,
    packs: [{ ...context, lengthBytes: pack.bytes.length, digest: pack.digest }],
  };
  const stats = { bytesScanned: 1, pauseMs: 2, pagesWritten: 3, pagesZero: 4, frames: 5, packs: 6, bytesUploaded: 7 };
  const manifest = sealManifest({ public: content, private: { contract: Buffer.from('contract'), regions: [ram], root: rootLocation, stats } }, keys, signer.signSecret);
  const digests = { pack: pack.digest, leaf: sha256(leaf), root: sha256(root), manifest: sha256(manifest) };
  assert.deepEqual(Object.fromEntries(Object.entries(digests).map(([name, digest]) => [name, digest.toString('hex')])), vectors);
  assert.equal(manifestKeyOf(content), `d-${keys.desktopId}/e-0000000000000007/h-${signer.hostId}/m-000000000000002a-${'cc'.repeat(16)}`);
  assert.equal(readPack(pack.bytes, keys).frames.length, 3);
  assert.deepEqual(openManifest(manifest, keys, signer.signPublic).private.stats, stats);
});
