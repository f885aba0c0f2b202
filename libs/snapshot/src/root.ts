import { ByteReader, ByteWriter, Fault, idFromBytes, idToBytes, type PackId } from '@godwit/base';
import { readLocation, writeLocation } from './leaf.ts';
import { leafPages, manifestPacksMax, rootPlainBytesMax, tableLeavesMax, tableLocationBytes } from './limits.ts';
import type { FramePlace } from './pack-format.ts';
import { leafCountOf, type Region } from './region.ts';

/** Where a sealed leaf (or the root itself) lies. */
export interface TableLocation extends FramePlace {
  readonly packId: PackId;
}

export interface RootLeaf {
  readonly location: TableLocation;
  /** The packs that the leaf's pages lie in, ascending. With them the root alone tells which packs a checkpoint needs. */
  readonly packIds: readonly PackId[];
}

export interface RootRegion {
  readonly regionId: number;
  /** Per leaf; undefined when all its pages are zero. */
  readonly leaves: readonly (RootLeaf | undefined)[];
}

/** The top of the page table: one entry per region of the manifest, in the same order. */
export interface Root {
  readonly regions: readonly RootRegion[];
}

/** Every pack that the root, its leaves or their pages need, ascending; not the one that the root itself lies in. */
export function packsOfRoot(root: Root): PackId[] {
  const packIds = new Set<PackId>();
  for (const { leaves } of root.regions) {
    for (const leaf of leaves) {
      if (leaf === undefined) continue;
      packIds.add(leaf.location.packId);
      for (const packId of leaf.packIds) packIds.add(packId);
    }
  }
  return [...packIds].sort();
}

/**
 * pack count u32, pack ids ascending; region count u16; per region: id u16, leaf count u32; per leaf: count of its packs u16,
 * and unless that is 0 (all zero) its location and those packs' indices u16, ascending.
 */
export function encodeRoot(root: Root): Buffer {
  const packIds = packsOfRoot(root);
  const indices = new Map(packIds.map((packId, index) => [packId, index]));
  const lengthBytes = rootBytes(root, packIds.length);
  if (lengthBytes > rootPlainBytesMax) throw new Fault('VALUE_OUT_OF_RANGE', { expected: `a page table with a root of at most ${rootPlainBytesMax} bytes`, found: `${lengthBytes}` });
  const writer = new ByteWriter(lengthBytes).u32(packIds.length);
  for (const packId of packIds) writer.put(idToBytes(packId));
  writer.u16(root.regions.length);
  for (const { regionId, leaves } of root.regions) {
    writer.u16(regionId).u32(leaves.length);
    for (const leaf of leaves) {
      writer.u16(leaf?.packIds.length ?? 0);
      if (leaf === undefined) continue;
      writeLocation(writer, indices.get(leaf.location.packId) ?? 0, leaf.location);
      for (const packId of leaf.packIds) writer.u16(indices.get(packId) ?? 0);
    }
  }
  return writer.finish();
}

function rootBytes({ regions }: Root, packCount: number): number {
  const leafBytes = (leaf: RootLeaf | undefined): number => (leaf === undefined ? 2 : 2 + tableLocationBytes + leaf.packIds.length * 2);
  return regions.reduce((sum, { leaves }) => leaves.reduce((bytes, leaf) => bytes + leafBytes(leaf), sum + 6), 4 + packCount * 16 + 2);
}

/** The root over `regions`; TABLE_CORRUPT unless `plain` is its one encoding. */
export function decodeRoot(plain: Buffer, regions: readonly Region[]): Root {
  if (plain.length > rootPlainBytesMax) throw new Fault('TABLE_CORRUPT', { expected: `a root of at most ${rootPlainBytesMax} bytes`, found: `${plain.length}` });
  const reader = new ByteReader(plain, 'TABLE_CORRUPT');
  const packIds = readAscendingPackIds(reader);
  const regionCount = reader.u16();
  if (regionCount !== regions.length) throw new Fault('TABLE_CORRUPT', { expected: `${regions.length} regions`, found: `${regionCount}` });
  const root = { regions: regions.map((region) => readRootRegion(reader, region, packIds)) };
  if (reader.remainingBytes !== 0) throw new Fault('TABLE_CORRUPT', { expected: 'the end of the root', found: `${reader.remainingBytes} more bytes` });
  if (packsOfRoot(root).length !== packIds.length) throw new Fault('TABLE_CORRUPT', { expected: 'only packs that are used', found: `${packIds.length}` });
  return root;
}

function readAscendingPackIds(reader: ByteReader): PackId[] {
  const count = reader.u32();
  if (count > manifestPacksMax || count * 16 > reader.remainingBytes) throw new Fault('TABLE_CORRUPT', { expected: `at most ${manifestPacksMax} packs`, found: `${count}` });
  const packIds: PackId[] = [];
  for (let index = 0; index < count; index += 1) {
    const packId = idFromBytes<PackId>(reader.take(16));
    const before = packIds.at(-1);
    if (before !== undefined && before >= packId) throw new Fault('TABLE_CORRUPT', { expected: 'pack ids ascending', found: packId });
    packIds.push(packId);
  }
  return packIds;
}

function readRootRegion(reader: ByteReader, region: Region, packIds: readonly PackId[]): RootRegion {
  const regionId = reader.u16();
  const leafCount = reader.u32();
  const expected = leafCountOf(region);
  if (regionId !== region.id || leafCount !== expected || leafCount > tableLeavesMax || leafCount * 2 > reader.remainingBytes) {
    throw new Fault('TABLE_CORRUPT', { expected: `region ${region.id} with ${expected} leaves`, found: `region ${regionId} with ${leafCount}` });
  }
  const leaves: (RootLeaf | undefined)[] = [];
  for (let index = 0; index < leafCount; index += 1) leaves.push(readRootLeaf(reader, packIds));
  return { regionId, leaves };
}

function readRootLeaf(reader: ByteReader, packIds: readonly PackId[]): RootLeaf | undefined {
  const count = reader.u16();
  if (count === 0) return undefined;
  if (count > leafPages) throw new Fault('TABLE_CORRUPT', { expected: `at most ${leafPages} packs of a leaf`, found: `${count}` });
  const { packIndex, ...place } = readLocation(reader, 'leaf');
  const used: PackId[] = [];
  let before = -1;
  for (let at = 0; at < count; at += 1) {
    const index = reader.u16();
    if (index <= before) throw new Fault('TABLE_CORRUPT', { expected: 'indices of packs ascending', found: `${index} after ${before}` });
    used.push(packAt(packIds, index));
    before = index;
  }
  return { location: { ...place, packId: packAt(packIds, packIndex) }, packIds: used };
}

function packAt(packIds: readonly PackId[], index: number): PackId {
  const packId = packIds[index];
  if (packId === undefined) throw new Fault('TABLE_CORRUPT', { expected: `a pack below ${packIds.length}`, found: `${index}` });
  return packId;
}
