import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault, type FaultCode, type HostId, type PackId } from '@godwit/base';
import { decodeLeaf, encodeLeaf, type FrameLocation, type Leaf } from './leaf.ts';
import { manifestObjectKey, packObjectKey, parseObjectKey } from './layout.ts';
import { decodeManifestPublic, encodePublic, type ManifestPack } from './manifest.ts';
import { decodeFooter, encodeFooter, type FooterEntry } from './pack-format.ts';
import { packHeaderBytes } from './limits.ts';
import { decodePageFrame, OpenFrame } from './page-frame.ts';
import { defineRegion, type Region } from './region.ts';
import { decodeRoot, encodeRoot, type Root } from './root.ts';

const id = (value: number): string => value.toString(16).padStart(32, '0');
const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 1100 * 4096 - 7 });

/** One encoding per value: whatever a decoder takes, the encoder gives back; all else is that decoder's fault and nothing else. */
function onlyCanonical<Value>(good: Buffer, code: FaultCode, decode: (bytes: Buffer) => Value, encode: (value: Value) => Buffer): void {
  const check = (bytes: Buffer): void => {
    let value: Value;
    try {
      value = decode(bytes);
    } catch (error) {
      assert.ok(error instanceof Fault && error.code === code, String(error));
      return;
    }
    assert.deepEqual(encode(value), bytes);
  };
  check(good);
  assert.deepEqual(encode(decode(good)), good);
  const edit = fc.record({ at: fc.nat(good.length - 1), value: fc.nat(255), cut: fc.option(fc.nat(good.length)), more: fc.uint8Array({ maxLength: 4 }) });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      let bytes = Buffer.from(good);
      for (const { at, value, cut, more } of edits) {
        bytes[Math.min(at, bytes.length - 1)] = value;
        if (cut !== null && value < 32) bytes = bytes.subarray(0, Math.max(1, cut));
        if (value < 64) bytes = Buffer.concat([bytes, more]);
      }
      check(bytes);
    }),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => check(Buffer.from(bytes))));
}

const location = (packIndex: number, frameIndex: number): FrameLocation => ({
  packId: id(packIndex) as PackId,
  regionId: 1,
  frameIndex,
  offsetBytes: packHeaderBytes + frameIndex * 1000,
  sealedBytes: 516,
  plainBytes: 4 + 2 * 4100,
  compressed: true,
});

const leaf: Leaf = {
  regionId: 1,
  leafIndex: 1,
  frames: [location(5, 0), location(2, 1), location(5, 3)],
  references: Uint16Array.from({ length: 76 }, (_, at) => [0, 1, 2, 1, 0, 3][at] ?? 0),
  slots: Uint8Array.from({ length: 76 }, (_, at) => [0, 1, 0, 0, 0, 1][at] ?? 0),
};

const root: Root = {
  regions: [
    { regionId: 1, leaves: [{ location: location(3, 0), packIds: [id(2) as PackId, id(5) as PackId] }, undefined] },
    { regionId: 7, leaves: [] },
  ],
};
const regions: Region[] = [ram, defineRegion({ id: 7, kind: 'disk', name: 'vda', lengthBytes: 0 })];

const pack = (value: number, epoch: number): ManifestPack => ({ desktopId: id(1) as never, packId: id(value) as PackId, epoch, keyGeneration: 1, hostId: id(epoch + 9) as HostId, lengthBytes: 1000, digest: Buffer.alloc(32, value) });

test('leaf: one encoding, all else is TABLE_CORRUPT', () => onlyCanonical(encodeLeaf(leaf), 'TABLE_CORRUPT', (bytes) => decodeLeaf(bytes, ram, 1), encodeLeaf));

test('root: one encoding, all else is TABLE_CORRUPT', () => onlyCanonical(encodeRoot(root), 'TABLE_CORRUPT', (bytes) => decodeRoot(bytes, regions), encodeRoot));

test('footer: one encoding, all else is PACK_CORRUPT', () => {
  const entries: FooterEntry[] = [
    { kind: 'ram', frameIndex: 0, offsetBytes: packHeaderBytes, sealedBytes: 500, plainBytes: 8204, compressed: true },
    { kind: 'root', frameIndex: 1, offsetBytes: packHeaderBytes + 500, sealedBytes: 56, plainBytes: 40, compressed: false },
  ];
  onlyCanonical(encodeFooter(entries), 'PACK_CORRUPT', (bytes) => decodeFooter(bytes, packHeaderBytes + 556), encodeFooter);
});

test('public part of a manifest: one encoding, all else is MANIFEST_INVALID', () => {
  const manifest = { ...pack(1, 3), sequence: 4, commitId: id(4) as never, chain: { length: 2, headHash: Buffer.alloc(32, 1) }, createdMs: 5, packs: [pack(1, 1), pack(2, 3), pack(3, 1)] };
  const parent = { digest: Buffer.alloc(32, 2), epoch: 2, sequence: 3, hostId: id(8) as HostId, commitId: id(6) as never };
  const ending = Buffer.concat([Buffer.alloc(4), Buffer.alloc(64)]);
  for (const value of [manifest, { ...manifest, parent }]) {
    onlyCanonical(
      Buffer.concat([encodePublic(value), ending]),
      'MANIFEST_INVALID',
      (bytes) => ({ decoded: decodeManifestPublic(bytes), signature: bytes.subarray(-64), sealed: bytes.subarray(encodePublic(decodeManifestPublic(bytes)).length, -64) }),
      ({ decoded, sealed, signature }) => Buffer.concat([encodePublic(decoded), sealed, signature]),
    );
  }
});

test('page frame: one encoding, all else is FRAME_CORRUPT', () => {
  const frame = new OpenFrame(ram, 0);
  frame.add(1099, Buffer.alloc(4096, 0), 0);
  frame.add(3, Buffer.alloc(4096, 7), 0);
  const encode = ({ pages, bytes }: { pages: Uint32Array; bytes: Buffer }): Buffer => {
    const again = new OpenFrame(ram, 0);
    for (const [slot, page] of pages.entries()) again.add(page, bytes, slot * 4096);
    return Buffer.from(again.encode());
  };
  onlyCanonical(Buffer.from(frame.encode()), 'FRAME_CORRUPT', (bytes) => decodePageFrame(bytes, ram), encode);
});

test('object keys: each place has one name, and only that is read back', () => {
  const place = { desktopId: id(1) as never, epoch: 77, hostId: id(2) as HostId };
  const packPlace = { ...place, packId: id(3) as PackId };
  const manifestPlace = { ...place, sequence: 12, commitId: id(4) as never };
  assert.deepEqual(parseObjectKey(packObjectKey(packPlace)), { kind: 'pack', ...packPlace });
  assert.deepEqual(parseObjectKey(manifestObjectKey(manifestPlace)), { kind: 'manifest', ...manifestPlace });
  assert.equal(packObjectKey(packPlace), `d-${id(1)}/e-000000000000004d/h-${id(2)}/p-${id(3)}`);
  for (const key of ['', packObjectKey(packPlace).toUpperCase(), `${packObjectKey(packPlace)}/`, `/${packObjectKey(packPlace)}`, packObjectKey(packPlace).replace('e-0', 'e-f'), `../${packObjectKey(packPlace)}`]) {
    assert.equal(parseObjectKey(key), undefined, key);
  }
  for (const segment of packObjectKey(packPlace).split('/')) assert.match(segment, /^[a-z]/);
});
