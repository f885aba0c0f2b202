import { ByteReader, ByteWriter, Fault, idFromBytes, idToBytes, type DesktopId, type HostId, type PackId } from '@godwit/base';
import { openSealed, release, type Secret } from '@godwit/crypto';
import { decompress, decompressSync } from './compression.ts';
import { footerEntryBytes, footerPlainBytesMax, framePlainBytesMax, leafPlainBytesMax, packBytesMax, packContextBytes, packFramesMax, packHeaderBytes, packTrailerBytes, rootPlainBytesMax, tagBytes } from './limits.ts';
import { regionKinds } from './region.ts';

export const formatVersion = 1;
/** ChaCha20-Poly1305 (RFC 8439), HKDF-SHA-256, SHA-256, Ed25519. There is no suite 0 and no reader for another. */
export const formatSuite = 1;

/** What a frame holds; part of what is authenticated. Pages have the number of their region's kind. */
export const frameKinds = { ...regionKinds, leaf: 5, root: 6, footer: 7 } as const;
export type FrameKind = keyof typeof frameKinds;

/** The flags of a frame: bit 0 = compressed with zstd. All others are refused. */
const flagCompressed = 1;
const headerMagic = 0x47_57_50_4b; // "GWPK"
const trailerMagic = 0x47_57_50_45; // "GWPE"

/** Who wrote a pack, when and under which key: with the pack's id all that its keys are derived from. */
export interface PackOrigin {
  readonly desktopId: DesktopId;
  readonly keyGeneration: number;
  readonly epoch: number;
  readonly hostId: HostId;
}

export interface PackContext extends PackOrigin {
  readonly packId: PackId;
}

/** A sealed frame inside its pack. */
export interface FramePlace {
  readonly frameIndex: number;
  /** From the first byte of the pack. */
  readonly offsetBytes: number;
  /** With the tag. */
  readonly sealedBytes: number;
  readonly plainBytes: number;
  readonly compressed: boolean;
}

export interface FooterEntry extends FramePlace {
  readonly kind: FrameKind;
}

/** magic u32, version u16, suite u16, desktop, key generation u32, epoch u64, pack, host: 68 bytes. */
export function encodePackContext(context: PackContext): Buffer {
  return new ByteWriter(packContextBytes)
    .u32(headerMagic)
    .u16(formatVersion)
    .u16(formatSuite)
    .put(idToBytes(context.desktopId))
    .u32(context.keyGeneration)
    .u64(context.epoch)
    .put(idToBytes(context.packId))
    .put(idToBytes(context.hostId))
    .finish();
}

export function decodePackContext(bytes: Buffer): PackContext {
  const reader = new ByteReader(bytes, 'PACK_CORRUPT');
  if (reader.u32() !== headerMagic) throw new Fault('PACK_CORRUPT', { expected: 'a pack', found: 'something else' });
  const version = reader.u16();
  const suite = reader.u16();
  if (version !== formatVersion || suite !== formatSuite) {
    throw new Fault('PACK_CORRUPT', { expected: `version ${formatVersion}, suite ${formatSuite}`, found: `version ${version}, suite ${suite}` });
  }
  const desktopId = idFromBytes<DesktopId>(reader.take(16));
  const keyGeneration = reader.u32();
  const epoch = reader.u53();
  const packId = idFromBytes<PackId>(reader.take(16));
  return { desktopId, keyGeneration, epoch, packId, hostId: idFromBytes<HostId>(reader.take(16)) };
}

/** What a frame's seal covers beside its bytes: the pack's context, frame index u32, kind u8, flags u8, plain length u32. */
export function frameAssociatedData(context: Buffer, frameIndex: number, kind: FrameKind, compressed: boolean, plainBytes: number): Buffer {
  return new ByteWriter(packContextBytes + 10).put(context).u32(frameIndex).u8(frameKinds[kind]).u8(flagsOf(compressed)).u32(plainBytes).finish();
}

export function flagsOf(compressed: boolean): number {
  return compressed ? flagCompressed : 0;
}

/** True for compressed; undefined for flags that version 1 does not know. */
export function compressedFrom(flags: number): boolean | undefined {
  return flags === flagCompressed ? true : flags === 0 ? false : undefined;
}

export function plainBytesMaxOf(kind: FrameKind): number {
  if (kind === 'leaf') return leafPlainBytesMax;
  if (kind === 'root') return rootPlainBytesMax;
  return kind === 'footer' ? footerPlainBytesMax : framePlainBytesMax;
}

/** Why `place` cannot be a frame of `kind`, or undefined. Checked before anything is fetched or allocated for it. */
export function placeRefusal(place: FramePlace, kind: FrameKind): string | undefined {
  const { frameIndex, offsetBytes, sealedBytes, plainBytes, compressed } = place;
  if (frameIndex >= packFramesMax) return `frame index ${frameIndex}`;
  if (plainBytes < 1 || plainBytes > plainBytesMaxOf(kind)) return `plain length ${plainBytes}`;
  const storedBytes = sealedBytes - tagBytes;
  if (compressed ? storedBytes < 1 || storedBytes >= plainBytes : storedBytes !== plainBytes) return `sealed length ${sealedBytes} for ${plainBytes} plain bytes`;
  if (offsetBytes < packHeaderBytes || offsetBytes + sealedBytes > packBytesMax) return `${sealedBytes} bytes at ${offsetBytes}`;
  return undefined;
}

/** Opens the sealed bytes of one frame; FRAME_CORRUPT when anything about them, their place or their kind is not as it was sealed. */
export function openStored(key: Secret, context: Buffer, place: FramePlace, kind: FrameKind, sealed: Buffer): Buffer {
  const refusal = placeRefusal(place, kind);
  if (refusal !== undefined) throw new Fault('FRAME_CORRUPT', { expected: `the place of a ${kind} frame`, found: refusal });
  if (sealed.length !== place.sealedBytes) throw new Fault('FRAME_CORRUPT', { expected: `${place.sealedBytes} sealed bytes`, found: `${sealed.length}` });
  try {
    return openSealed(key, place.frameIndex, frameAssociatedData(context, place.frameIndex, kind, place.compressed, place.plainBytes), sealed);
  } catch (error) {
    throw new Fault('FRAME_CORRUPT', { expected: `${kind} frame ${place.frameIndex} as it was sealed`, cause: error });
  }
}

/** `openStored`, then decompressed: the frame's plaintext. */
export async function openFrame(key: Secret, context: Buffer, place: FramePlace, kind: FrameKind, sealed: Buffer): Promise<Buffer> {
  const bytes = openStored(key, context, place, kind, sealed);
  return await decompress({ compressed: place.compressed, bytes, plainBytes: place.plainBytes });
}

/** `openFrame` for a thread that has nothing else to do. */
export function openFrameSync(key: Secret, context: Buffer, place: FramePlace, kind: FrameKind, sealed: Buffer): Buffer {
  const bytes = openStored(key, context, place, kind, sealed);
  const plain = decompressSync({ compressed: place.compressed, bytes, plainBytes: place.plainBytes });
  if (plain !== bytes) release(bytes);
  return plain;
}

/** count u32, then per frame: sealed length u32, plain length u32, kind u8, flags u8. Offsets follow from the lengths. */
export function encodeFooter(entries: readonly FooterEntry[]): Buffer {
  const writer = new ByteWriter(4 + entries.length * footerEntryBytes).u32(entries.length);
  for (const { sealedBytes, plainBytes, kind, compressed } of entries) writer.u32(sealedBytes).u32(plainBytes).u8(frameKinds[kind]).u8(flagsOf(compressed));
  return writer.finish();
}

/** The frames that lie back to back from the header to `framesEnd`, where the sealed footer begins. */
export function decodeFooter(plain: Buffer, framesEnd: number): FooterEntry[] {
  const reader = new ByteReader(plain, 'PACK_CORRUPT');
  const count = reader.u32();
  if (count < 1 || count > packFramesMax || reader.remainingBytes !== count * footerEntryBytes) {
    throw new Fault('PACK_CORRUPT', { expected: `a footer of 1 to ${packFramesMax} frames`, found: `${count} frames in ${plain.length} bytes` });
  }
  const entries: FooterEntry[] = [];
  let offsetBytes = packHeaderBytes;
  for (let frameIndex = 0; frameIndex < count; frameIndex += 1) {
    const entry = readFooterEntry(reader, frameIndex, offsetBytes);
    entries.push(entry);
    offsetBytes += entry.sealedBytes;
  }
  if (offsetBytes !== framesEnd) throw new Fault('PACK_CORRUPT', { expected: `frames up to byte ${framesEnd}`, found: `${offsetBytes}` });
  return entries;
}

const kindsByNumber = new Map(Object.entries(frameKinds).map(([name, number]) => [number, name as FrameKind]));

function readFooterEntry(reader: ByteReader, frameIndex: number, offsetBytes: number): FooterEntry {
  const sealedBytes = reader.u32();
  const plainBytes = reader.u32();
  const kind = kindsByNumber.get(reader.u8());
  const compressed = compressedFrom(reader.u8());
  if (kind === undefined || kind === 'footer' || compressed === undefined) throw new Fault('PACK_CORRUPT', { expected: 'a known kind and known flags', subject: `frame ${frameIndex}` });
  const entry = { frameIndex, offsetBytes, sealedBytes, plainBytes, compressed, kind };
  const refusal = placeRefusal(entry, kind);
  if (refusal !== undefined) throw new Fault('PACK_CORRUPT', { subject: `frame ${frameIndex}`, expected: `a ${kind} frame`, found: refusal });
  return entry;
}

/** The place of the footer, which is sealed like a frame after the last one and never compressed. */
export function footerPlace(frameCount: number, offsetBytes: number): FramePlace {
  const plainBytes = 4 + frameCount * footerEntryBytes;
  return { frameIndex: frameCount, offsetBytes, sealedBytes: plainBytes + tagBytes, plainBytes, compressed: false };
}

/** sealed footer length u32, magic u32: the last 8 bytes. */
export function encodeTrailer(sealedFooterBytes: number): Buffer {
  return new ByteWriter(packTrailerBytes).u32(sealedFooterBytes).u32(trailerMagic).finish();
}

/** Sealed length of the footer of a pack of `packBytes` bytes. */
export function decodeTrailer(trailer: Buffer, packBytes: number): number {
  const reader = new ByteReader(trailer, 'PACK_CORRUPT');
  const sealedFooterBytes = reader.u32();
  const magic = reader.u32();
  const plainBytes = sealedFooterBytes - tagBytes;
  const whole = plainBytes > 4 && plainBytes <= footerPlainBytesMax && (plainBytes - 4) % footerEntryBytes === 0;
  if (magic !== trailerMagic || reader.remainingBytes !== 0 || !whole || sealedFooterBytes > packBytes - packHeaderBytes - packTrailerBytes) {
    throw new Fault('PACK_CORRUPT', { expected: 'the end of a pack', found: `a footer of ${sealedFooterBytes} bytes` });
  }
  return sealedFooterBytes;
}
