import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault, type FaultCode, type HostId, type PackId } from '@godwit/base';
import { decodeLeaf, encodeLeaf, type FrameLocation, type Leaf } from './leaf.ts';
import { manifestObjectKey, packObjectKey, parseObjectKey } from './layout.ts';
import { planReads } from './frame-source.ts';
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

const refusedWith = (code: FaultCode, decode: () => unknown, why: string): void => assert.throws(decode, (error) => error instanceof Fault && error.code === code, why);

test('leaf: what contradicts itself or has another order is refused', () => {
  const with_ = (change: Partial<Leaf>): Leaf => ({ ...leaf, ...change });
  const edited = (array: Uint16Array, edits: [number, number][]): Uint16Array => {
    const copy = Uint16Array.from(array);
    for (const [at, value] of edits) copy[at] = value;
    return copy;
  };
  const [a, b, c] = leaf.frames as [FrameLocation, FrameLocation, FrameLocation];
  const bad: Record<string, Leaf> = {
    'frames out of the order of first use': with_({ references: edited(leaf.references, [[1, 2], [2, 1]]) }),
    'a frame that no page uses': with_({ references: edited(leaf.references, [[5, 0]]), slots: Uint8Array.from(leaf.slots, (slot, at) => (at === 5 ? 0 : slot)) }),
    'a frame beyond the list': with_({ references: edited(leaf.references, [[5, 4]]) }),
    'a slot beyond its frame': with_({ slots: Uint8Array.from(leaf.slots, (slot, at) => (at === 5 ? 2 : slot)) }),
    'a slot of a zero page': with_({ slots: Uint8Array.from(leaf.slots, (slot, at) => (at === 0 ? 1 : slot)) }),
    'one frame twice': with_({ frames: [a, b, a] }),
    'another region': with_({ regionId: 2 }),
    'another leaf': with_({ leafIndex: 0 }),
    'too few pages': with_({ references: leaf.references.subarray(0, 75), slots: leaf.slots.subarray(0, 75) }),
    'a frame of half a page': with_({ frames: [a, b, { ...c, plainBytes: 4 + 4100 + 2050 }] }),
    'a frame of no pages': with_({ frames: [a, b, { ...c, sealedBytes: 19, plainBytes: 4 }] }),
    'a frame outside any pack': with_({ frames: [a, b, { ...c, offsetBytes: 8 * 1024 * 1024 }] }),
    'a frame in the header': with_({ frames: [{ ...a, offsetBytes: 99 }, b, c] }),
    'compressed to more than it was': with_({ frames: [a, b, { ...c, sealedBytes: c.plainBytes + 16 }] }),
    'raw of another length': with_({ frames: [a, b, { ...c, compressed: false }] }),
    'nothing but zero pages': with_({ frames: [], references: new Uint16Array(76), slots: new Uint8Array(76) }),
  };
  for (const [why, value] of Object.entries(bad)) refusedWith('TABLE_CORRUPT', () => decodeLeaf(encodeLeaf(value), ram, 1), why);
  // Packs out of order and unused ones: the encoder cannot say them, so their bytes are moved by hand.
  const swapped = encodeLeaf(leaf);
  const first = Buffer.from(swapped.subarray(10, 26));
  swapped.copyWithin(10, 26, 42);
  first.copy(swapped, 26);
  for (const at of [0, 1, 2]) swapped.writeUInt16BE(1 - swapped.readUInt16BE(44 + at * 17), 44 + at * 17);
  refusedWith('TABLE_CORRUPT', () => decodeLeaf(swapped, ram, 1), 'packs out of the order of first use');
  const same = encodeLeaf(leaf);
  same.copyWithin(26, 10, 26);
  refusedWith('TABLE_CORRUPT', () => decodeLeaf(same, ram, 1), 'one pack twice');
});

test('root: what contradicts itself or has another order is refused', () => {
  const good = encodeRoot(root);
  const packs = 4 + 3 * 16;
  const edits: Record<string, (bytes: Buffer) => void> = {
    'indices of packs descending': (bytes) => bytes.writeUInt32BE(0x0002_0000, packs + 2 + 6 + 2 + 17),
    'one pack of a leaf twice': (bytes) => bytes.writeUInt32BE(0x0000_0000, packs + 2 + 6 + 2 + 17),
    'a pack beyond the list': (bytes) => bytes.writeUInt16BE(3, packs + 2 + 6 + 2 + 17 + 2),
    'a leaf in a pack beyond the list': (bytes) => bytes.writeUInt16BE(3, packs + 2 + 6 + 2),
    'a pack that nothing uses': (bytes) => bytes.writeUInt16BE(0, packs + 2 + 6 + 2),
    'another region': (bytes) => bytes.writeUInt16BE(2, packs + 2),
    'another count of leaves': (bytes) => bytes.writeUInt32BE(1, packs + 4),
    'a vast count of leaves': (bytes) => bytes.writeUInt32BE(0xffff_ffff, packs + 4),
    'a vast count of packs': (bytes) => bytes.writeUInt32BE(0xffff_ffff, 0),
    'another count of regions': (bytes) => bytes.writeUInt16BE(3, packs),
  };
  for (const [why, edit] of Object.entries(edits)) {
    const bytes = Buffer.from(good);
    edit(bytes);
    refusedWith('TABLE_CORRUPT', () => decodeRoot(bytes, regions), why);
  }
});

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
  const forkedFrom = { ...parent, desktopId: id(9) as never };
  const borrowed = { ...pack(4, 3), desktopId: id(9) as never };
  for (const value of [manifest, { ...manifest, parent }, { ...manifest, forkedFrom, packs: [...manifest.packs, borrowed] }]) {
    onlyCanonical(
      Buffer.concat([encodePublic(value), ending]),
      'MANIFEST_INVALID',
      (bytes) => ({ decoded: decodeManifestPublic(bytes), signature: bytes.subarray(-64), sealed: bytes.subarray(encodePublic(decodeManifestPublic(bytes)).length, -64) }),
      ({ decoded, sealed, signature }) => Buffer.concat([encodePublic(decoded), sealed, signature]),
    );
  }
});

test('public part of a manifest: what contradicts itself is refused', () => {
  const manifest = { ...pack(1, 3), sequence: 4, commitId: id(4) as never, chain: { length: 2, headHash: Buffer.alloc(32, 1) }, createdMs: 5, packs: [pack(1, 1), pack(2, 3)] };
  const good = Buffer.concat([encodePublic(manifest), Buffer.alloc(68)]);
  assert.equal(decodeManifestPublic(good).packs.length, 2);
  const origins = 8 + 16 + 8 + 8 + 4 + 16 + 16 + 1 + 36 + 8 + 4;
  const packs = origins + 2 + 2 * 44 + 4;
  const edits: Record<string, (bytes: Buffer) => void> = {
    'an origin that no pack uses': (bytes) => bytes.writeUInt16BE(0, packs + 54),
    'an origin beyond the list': (bytes) => bytes.writeUInt16BE(2, packs + 54),
    'one origin twice': (bytes) => bytes.copyWithin(origins + 2 + 44, origins + 2, origins + 2 + 44),
    'one pack twice': (bytes) => bytes.copyWithin(packs + 54 + 2, packs + 2, packs + 2 + 16),
    'an empty pack': (bytes) => bytes.writeUInt32BE(0, packs + 18),
    'a pack of a later epoch': (bytes) => bytes.writeBigUInt64BE(9n, origins + 2 + 44 + 16),
    'a pack of another desktop where nothing was before': (bytes) => bytes.fill(0xff, origins + 2 + 44, origins + 2 + 44 + 16),
    'a pack of a later key': (bytes) => bytes.writeUInt32BE(2, origins + 2 + 44 + 24),
    'sequence 0': (bytes) => bytes.writeBigUInt64BE(0n, 24),
    'a sequence above 2^53': (bytes) => bytes.writeBigUInt64BE(2n ** 53n, 24),
    'key generation 0': (bytes) => bytes.writeUInt32BE(0, 40),
    'a line that is none of the three': (bytes) => bytes.writeUInt8(3, 76),
    'flags': (bytes) => bytes.writeUInt32BE(1, origins - 4),
    'version 2': (bytes) => bytes.writeUInt16BE(2, 4),
    'suite 0': (bytes) => bytes.writeUInt16BE(0, 6),
    'suite 2': (bytes) => bytes.writeUInt16BE(2, 6),
    'a vast count of packs': (bytes) => bytes.writeUInt32BE(0xffff_ffff, packs - 4),
    'a vast private part': (bytes) => bytes.writeUInt32BE(0xffff_ffff, packs + 2 * 54),
  };
  for (const [why, edit] of Object.entries(edits)) {
    const bytes = Buffer.from(good);
    edit(bytes);
    refusedWith('MANIFEST_INVALID', () => decodeManifestPublic(bytes), why);
  }
  const parent = { digest: Buffer.alloc(32, 2), epoch: 3, sequence: 3, hostId: id(8) as HostId, commitId: id(6) as never };
  refusedWith('VALUE_OUT_OF_RANGE', () => encodePublic({ ...manifest, parent: { ...parent, sequence: 4 } }), 'a parent that is no earlier');
  refusedWith('VALUE_OUT_OF_RANGE', () => encodePublic({ ...manifest, parent: { ...parent, epoch: 4 } }), 'a parent of a later epoch');
  const forkedFrom = { ...parent, desktopId: id(9) as never };
  refusedWith('VALUE_OUT_OF_RANGE', () => encodePublic({ ...manifest, parent, forkedFrom }), 'a parent and a fork');
  refusedWith('VALUE_OUT_OF_RANGE', () => encodePublic({ ...manifest, forkedFrom: { ...forkedFrom, desktopId: manifest.desktopId } }), 'a fork of itself');
});

test('page frame: a page twice, a page outside, and bytes beyond the end of the region are refused', () => {
  const frameOf = (pages: number[], fill: number): Buffer => {
    const frame = new OpenFrame(ram, 0);
    for (const page of pages) frame.add(page, Buffer.alloc(4096, fill), 0);
    return frame.encode();
  };
  assert.equal(decodePageFrame(frameOf([1, 2], 1), ram).pages.length, 2);
  for (const [pages, fill] of [[[1, 1], 1], [[1, 1100], 1], [[1099], 1], [[0, 0xffff_ffff], 0]] as const) refusedWith('FRAME_CORRUPT', () => decodePageFrame(frameOf([...pages], fill), ram), `pages ${pages.join()}`);
});

test('reads: neighbours share a request, distant and overlapping frames do not', () => {
  const at = (frameIndex: number, offsetBytes: number, packIndex = 1): FrameLocation => ({ ...location(packIndex, frameIndex), offsetBytes });
  const plan = (frames: FrameLocation[], coalesceBytes = 4000): number[][] => planReads(frames, coalesceBytes).map((read) => read.frames.map((frame) => frame.frameIndex));
  assert.deepEqual(plan([at(1, 616), at(0, 100), at(1, 616), at(0, 100)]), [[0, 1]]);
  assert.deepEqual(plan([at(0, 100), at(1, 300)]), [[0], [1]]);
  assert.deepEqual(plan([at(0, 100), at(1, 616 + 65537)], 1_000_000), [[0], [1]]);
  assert.deepEqual(plan([at(0, 100), at(1, 616 + 65536)], 1_000_000), [[0, 1]]);
  assert.deepEqual(plan([at(0, 100), at(1, 616), at(2, 1132)], 1032), [[0, 1], [2]]);
  assert.deepEqual(plan([at(0, 100), at(0, 100, 2)]), [[0], [0]]);
  assert.deepEqual(planReads([at(0, 100), at(1, 700)], 4000)[0]!.range, { offsetBytes: 100, lengthBytes: 1116 });
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
