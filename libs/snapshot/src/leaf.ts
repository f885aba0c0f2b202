import { ByteReader, ByteWriter, Fault, idFromBytes, idToBytes, type PackId } from '@godwit/base';
import { frameHeaderBytes, leafPages, leafPlainBytesMax, tableLocationBytes } from './limits.ts';
import { compressedFrom, flagsOf, placeRefusal, type FrameKind, type FramePlace } from './pack-format.ts';
import { framePagesOf, leafPageCount, type Region } from './region.ts';

/** Where a frame of pages lies: enough, with the manifest's list of packs, to fetch and open it. */
export interface FrameLocation extends FramePlace {
  readonly packId: PackId;
  readonly regionId: number;
}

/** 1024 consecutive pages of a region (fewer at its end): which frame and slot holds each. */
export interface Leaf {
  readonly regionId: number;
  readonly leafIndex: number;
  /** In the order in which the pages first use them. */
  readonly frames: readonly FrameLocation[];
  /** Per page: 0 = the page is zero, else 1 + index into `frames`. */
  readonly references: Uint16Array;
  /** Per page: the slot in its frame, 0 for a zero page. */
  readonly slots: Uint8Array;
}

export interface PageLocation {
  readonly frame: FrameLocation;
  readonly slot: number;
}

/** Where `page` (counted in the region) lies, undefined when it is zero. `page` must be one of the leaf's. */
export function locatePage(leaf: Leaf, page: number): PageLocation | undefined {
  const at = page - leaf.leafIndex * leafPages;
  const frame = leaf.frames[(leaf.references[at] ?? 0) - 1];
  return frame === undefined ? undefined : { frame, slot: leaf.slots[at] ?? 0 };
}

export function zeroLeaf(region: Region, leafIndex: number): Leaf {
  const count = leafPageCount(region, leafIndex);
  return { regionId: region.id, leafIndex, frames: [], references: new Uint16Array(count), slots: new Uint8Array(count) };
}

/** The packs that the pages lie in, each once, in the order of first use. */
export function packsOf(leaf: Leaf): PackId[] {
  return [...new Set(leaf.frames.map((frame) => frame.packId))];
}

/** pack index u16, frame index u16, offset u32, sealed length u32, plain length u32, flags u8: 17 bytes. */
export function writeLocation(writer: ByteWriter, packIndex: number, place: FramePlace): void {
  writer.u16(packIndex).u16(place.frameIndex).u32(place.offsetBytes).u32(place.sealedBytes).u32(place.plainBytes).u8(flagsOf(place.compressed));
}

export function readLocation(reader: ByteReader, kind: FrameKind): FramePlace & { readonly packIndex: number } {
  const packIndex = reader.u16();
  const place = { frameIndex: reader.u16(), offsetBytes: reader.u32(), sealedBytes: reader.u32(), plainBytes: reader.u32(), compressed: compressedFrom(reader.u8()) };
  const { compressed } = place;
  if (compressed === undefined) throw new Fault('TABLE_CORRUPT', { expected: 'known flags of a frame' });
  const refusal = placeRefusal({ ...place, compressed }, kind);
  if (refusal !== undefined) throw new Fault('TABLE_CORRUPT', { expected: `the place of a ${kind} frame`, found: refusal });
  return { packIndex, ...place, compressed };
}

/**
 * region u16, leaf index u32, page count u16; pack count u16, pack ids; frame count u16, locations; references u16 per page;
 * slots u8 per page. Frames and packs stand in the order of first use, and only those that are used.
 */
export function encodeLeaf(leaf: Leaf): Buffer {
  const packIds = packsOf(leaf);
  const indices = new Map(packIds.map((packId, index) => [packId, index]));
  const lengthBytes = 2 + 4 + 2 + 2 + packIds.length * 16 + 2 + leaf.frames.length * tableLocationBytes + leaf.references.length * 3;
  const writer = new ByteWriter(lengthBytes).u16(leaf.regionId).u32(leaf.leafIndex).u16(leaf.references.length).u16(packIds.length);
  for (const packId of packIds) writer.put(idToBytes(packId));
  writer.u16(leaf.frames.length);
  for (const frame of leaf.frames) writeLocation(writer, indices.get(frame.packId) ?? 0, frame);
  for (const reference of leaf.references) writer.u16(reference);
  return writer.put(leaf.slots).finish();
}

/** The leaf `leafIndex` of `region`; TABLE_CORRUPT unless `plain` is its one encoding. */
export function decodeLeaf(plain: Buffer, region: Region, leafIndex: number): Leaf {
  if (plain.length > leafPlainBytesMax) throw new Fault('TABLE_CORRUPT', { expected: `a leaf of at most ${leafPlainBytesMax} bytes`, found: `${plain.length}` });
  const subject = `leaf ${leafIndex} of region ${region.id}`;
  const reader = new ByteReader(plain, 'TABLE_CORRUPT');
  const pageCount = leafPageCount(region, leafIndex);
  const heading = reader.u16() === region.id && reader.u32() === leafIndex && reader.u16() === pageCount;
  if (!heading) throw new Fault('TABLE_CORRUPT', { subject, expected: `that leaf with ${pageCount} pages`, found: 'another one' });
  const packIds = readPackIds(reader, subject);
  const frames = readFrames(reader, packIds, region, subject);
  if (reader.remainingBytes !== pageCount * 3) throw new Fault('TABLE_CORRUPT', { subject, expected: `${pageCount * 3} more bytes`, found: `${reader.remainingBytes}` });
  const references = new Uint16Array(pageCount);
  for (let at = 0; at < pageCount; at += 1) references[at] = reader.u16();
  const slots = new Uint8Array(reader.take(pageCount));
  const leaf = { regionId: region.id, leafIndex, frames, references, slots };
  checkReferences(leaf, region, subject);
  return leaf;
}

function readPackIds(reader: ByteReader, subject: string): PackId[] {
  const count = reader.u16();
  if (count < 1 || count > leafPages) throw new Fault('TABLE_CORRUPT', { subject, expected: `1 to ${leafPages} packs`, found: `${count}` });
  const packIds = Array.from({ length: count }, () => idFromBytes<PackId>(reader.take(16)));
  if (new Set(packIds).size !== count) throw new Fault('TABLE_CORRUPT', { subject, expected: 'each pack once', found: 'one twice' });
  return packIds;
}

function readFrames(reader: ByteReader, packIds: readonly PackId[], region: Region, subject: string): FrameLocation[] {
  const count = reader.u16();
  if (count < 1 || count > leafPages) throw new Fault('TABLE_CORRUPT', { subject, expected: `1 to ${leafPages} frames`, found: `${count}` });
  const frames: FrameLocation[] = [];
  const seen = new Set<string>();
  let packsSeen = 0;
  for (let index = 0; index < count; index += 1) {
    const { packIndex, ...place } = readLocation(reader, region.kind);
    const packId = packIds[packIndex];
    if (packId === undefined || packIndex > packsSeen) throw new Fault('TABLE_CORRUPT', { subject, expected: 'packs in the order of first use', found: `pack ${packIndex}` });
    packsSeen = Math.max(packsSeen, packIndex + 1);
    const slots = framePageCount(place, region);
    if (!Number.isInteger(slots) || slots < 1 || slots > framePagesOf(region.kind)) throw new Fault('TABLE_CORRUPT', { subject, expected: 'a frame of whole pages', found: `${place.plainBytes} bytes` });
    seen.add(`${packIndex}/${place.frameIndex}`);
    frames.push({ ...place, packId, regionId: region.id });
  }
  if (packsSeen !== packIds.length || seen.size !== count) throw new Fault('TABLE_CORRUPT', { subject, expected: 'only packs that are used, each frame once', found: `${packIds.length} packs, ${count} frames` });
  return frames;
}

/** Pages in a frame of this plain length; not an integer when nothing has that length. */
export function framePageCount(place: Pick<FramePlace, 'plainBytes'>, region: Region): number {
  return (place.plainBytes - frameHeaderBytes) / (4 + region.pageBytes);
}

function checkReferences(leaf: Leaf, region: Region, subject: string): void {
  const slotsOfFrame = leaf.frames.map((frame) => framePageCount(frame, region));
  let framesSeen = 0;
  for (let at = 0; at < leaf.references.length; at += 1) {
    const reference = leaf.references[at] ?? 0;
    const slot = leaf.slots[at] ?? 0;
    const slots = reference === 0 ? 1 : slotsOfFrame[reference - 1];
    if (slots === undefined || reference > framesSeen + 1 || slot >= slots) {
      throw new Fault('TABLE_CORRUPT', { subject, expected: 'frames in the order of first use, slots inside them', found: `frame ${reference}, slot ${slot}` });
    }
    framesSeen = Math.max(framesSeen, reference);
  }
  if (framesSeen !== leaf.frames.length) throw new Fault('TABLE_CORRUPT', { subject, expected: 'only frames that are used', found: `${leaf.frames.length} frames` });
}
