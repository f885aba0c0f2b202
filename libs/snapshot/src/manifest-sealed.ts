import { ByteReader, ByteWriter, Fault, idFromBytes, idToBytes, type PackId } from '@godwit/base';
import { openSealed, PackSealer, sha256, sign, verify, type Secret } from '@godwit/crypto';
import { keyOfManifest, type DesktopKeys } from './keys.ts';
import { contractBytesMax, manifestBytesMax, regionNameBytesMax, regionsMax, tableLeavesMax } from './limits.ts';
import { encodePublic, splitManifest, type ManifestPublic } from './manifest.ts';
import { compressedFrom, flagsOf, placeRefusal } from './pack-format.ts';
import { leafCountOf, readRegion, writeRegion, type Region } from './region.ts';
import type { TableLocation } from './root.ts';

/** Counts of how the checkpoint came about, for `history` and the dashboard of its owner. All u64. */
export interface ManifestStats {
  /** What was looked at to find what changed. */
  readonly bytesScanned: number;
  /** How long the guest stood still. */
  readonly pauseMs: number;
  readonly pagesWritten: number;
  readonly pagesZero: number;
  readonly frames: number;
  readonly packs: number;
  /** Bytes of the checkpoint's own packs. */
  readonly bytesUploaded: number;
}

const statNames = ['bytesScanned', 'pauseMs', 'pagesWritten', 'pagesZero', 'frames', 'packs', 'bytesUploaded'] as const satisfies readonly (keyof ManifestStats)[];

/** What only the desktop's devices may read. */
export interface ManifestPrivate {
  /** The machine contract: canonical bytes that this library does not look into, at most 64 KiB. */
  readonly contract: Buffer;
  /** Ascending by id. */
  readonly regions: readonly Region[];
  readonly root: TableLocation;
  readonly stats: ManifestStats;
}

export interface Manifest {
  readonly public: ManifestPublic;
  readonly private: ManifestPrivate;
  /** SHA-256 of all bytes: the name of this checkpoint for its children. */
  readonly digest: Buffer;
}

/** Public part || length u32 || private part sealed with the public part as associated data || Ed25519 over all before. */
export function sealManifest(content: Omit<Manifest, 'digest'>, keys: DesktopKeys, signSecret: Secret): Buffer {
  const publicBytes = encodePublic(content.public);
  const sealed = new PackSealer(keyOfManifest(keys, content.public)).seal(0, publicBytes, encodePrivate(content.private));
  const signed = new ByteWriter(publicBytes.length + 4 + sealed.length).put(publicBytes).u32(sealed.length).put(sealed).finish();
  const bytes = Buffer.concat([signed, sign('manifest', signed, signSecret)]);
  if (bytes.length > manifestBytesMax) throw new Fault('VALUE_OUT_OF_RANGE', { expected: `a manifest of at most ${manifestBytesMax} bytes`, found: `${bytes.length}` });
  return bytes;
}

/**
 * The whole manifest. `signerPublic`: the Ed25519 key that the device chain gives for `decodeManifestPublic(bytes).hostId`.
 * Throws SIGNATURE_INVALID before anything else of the content is looked at, then MANIFEST_INVALID.
 */
export function openManifest(bytes: Uint8Array, keys: DesktopKeys, signerPublic: Uint8Array): Manifest {
  const parts = splitManifest(bytes);
  verify('manifest', parts.signed, parts.signature, signerPublic);
  if (parts.public.desktopId !== keys.desktopId) throw new Fault('MANIFEST_INVALID', { expected: `desktop ${keys.desktopId}`, found: parts.public.desktopId });
  const content = decodePrivate(openPrivate(parts.publicBytes, parts.sealedPrivate, keyOfManifest(keys, parts.public)));
  const packs = new Map(parts.public.packs.map((pack) => [pack.packId, pack]));
  const lengthBytes = packs.get(content.root.packId)?.lengthBytes;
  if (lengthBytes === undefined || content.root.offsetBytes + content.root.sealedBytes > lengthBytes) throw new Fault('MANIFEST_INVALID', { expected: 'a root inside one of the packs', found: content.root.packId });
  return { public: parts.public, private: content, digest: sha256(bytes) };
}

function openPrivate(publicBytes: Buffer, sealed: Buffer, key: Secret): Buffer {
  try {
    return openSealed(key, 0, publicBytes, sealed);
  } catch (error) {
    throw new Fault('MANIFEST_INVALID', { expected: 'the private part as it was sealed', cause: error });
  }
}

/** contract length u32, contract; region count u16, regions; root: pack id, frame index u16, offset u32, sealed u32, plain u32, flags u8; stats u64 each. */
function encodePrivate({ contract, regions, root, stats }: ManifestPrivate): Buffer {
  checkContent(contract, regions, 'VALUE_OUT_OF_RANGE');
  const writer = new ByteWriter(4 + contract.length + 2 + regions.length * (12 + regionNameBytesMax) + 31 + statNames.length * 8).u32(contract.length).put(contract).u16(regions.length);
  for (const region of regions) writeRegion(writer, region);
  writer.put(idToBytes(root.packId)).u16(root.frameIndex).u32(root.offsetBytes).u32(root.sealedBytes).u32(root.plainBytes).u8(flagsOf(root.compressed));
  for (const name of statNames) writer.u64(stats[name]);
  return writer.finish();
}

function decodePrivate(plain: Buffer): ManifestPrivate {
  const reader = new ByteReader(plain, 'MANIFEST_INVALID');
  const contract = Buffer.from(reader.take(reader.u32()));
  const regionCount = reader.u16();
  if (regionCount > regionsMax) throw new Fault('MANIFEST_INVALID', { expected: `at most ${regionsMax} regions`, found: `${regionCount}` });
  const regions = Array.from({ length: regionCount }, () => readRegion(reader, 'MANIFEST_INVALID'));
  const packId = idFromBytes<PackId>(reader.take(16));
  const place = { frameIndex: reader.u16(), offsetBytes: reader.u32(), sealedBytes: reader.u32(), plainBytes: reader.u32() };
  const compressed = compressedFrom(reader.u8());
  if (compressed === undefined) throw new Fault('MANIFEST_INVALID', { expected: 'known flags of the root' });
  const root = { ...place, packId, compressed };
  const refusal = placeRefusal(root, 'root');
  if (refusal !== undefined) throw new Fault('MANIFEST_INVALID', { expected: 'the place of a root', found: refusal });
  const stats = Object.fromEntries(statNames.map((name) => [name, reader.u53()])) as Record<(typeof statNames)[number], number>;
  if (reader.remainingBytes !== 0) throw new Fault('MANIFEST_INVALID', { expected: 'the end of the private part', found: `${reader.remainingBytes} more bytes` });
  checkContent(contract, regions, 'MANIFEST_INVALID');
  return { contract, regions, root, stats };
}

function checkContent(contract: Buffer, regions: readonly Region[], code: 'VALUE_OUT_OF_RANGE' | 'MANIFEST_INVALID'): void {
  if (contract.length > contractBytesMax) throw new Fault(code, { expected: `a machine contract of at most ${contractBytesMax} bytes`, found: `${contract.length}` });
  if (regions.length > regionsMax) throw new Fault(code, { expected: `at most ${regionsMax} regions`, found: `${regions.length}` });
  const leafCount = regions.reduce((sum, region) => sum + leafCountOf(region), 0);
  if (leafCount > tableLeavesMax) throw new Fault(code, { expected: `at most ${tableLeavesMax} leaves of the page table`, found: `${leafCount}` });
  const ascending = regions.every((region, index) => index === 0 || (regions[index - 1]?.id ?? 0) < region.id);
  if (!ascending) throw new Fault(code, { expected: 'regions ascending by id, each once' });
}
