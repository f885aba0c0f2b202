import { ByteReader, ByteWriter, Fault, idFromBytes, idToBytes, type CommitId, type DesktopId, type HostId, type PackId } from '@godwit/base';
import { manifestBytesMax, manifestOriginBytes, manifestOriginsMax, manifestPacksMax, signatureBytes } from './limits.ts';
import { manifestObjectKey, packObjectKey, type ManifestPlace } from './layout.ts';
import { formatSuite, formatVersion, type PackOrigin } from './pack-format.ts';

const magic = 0x47_57_4d_46; // "GWMF"
/** All but the origins and packs, of a fork. */
const fixedBytesMax = 8 + 16 + 8 + 8 + 4 + 16 + 16 + 1 + 16 + 80 + 36 + 8 + 4 + 2 + 4;
const packEntryBytes = 2 + 16 + 4 + 32;
/** What stands before this checkpoint: nothing, its parent, or a checkpoint of another desktop. */
const [lineBegins, lineGoesOn, lineForks] = [0, 1, 2];

/** The checkpoint that this one was made from; enough to find its manifest in the store and to know it. */
export interface ParentReference {
  /** SHA-256 of all bytes of the parent's manifest. */
  readonly digest: Buffer;
  readonly epoch: number;
  readonly sequence: number;
  readonly hostId: HostId;
  readonly commitId: CommitId;
}

/** The checkpoint of another desktop that a fork began with. */
export interface ForkReference extends ParentReference {
  readonly desktopId: DesktopId;
}

export interface ManifestPack extends PackOrigin {
  readonly packId: PackId;
  readonly lengthBytes: number;
  /** SHA-256 of the whole object. */
  readonly digest: Buffer;
}

/** What the coordinator and the store's keeper may read without any key. */
export interface ManifestPublic extends PackOrigin {
  /** Position in the desktop's line, from 1; above the parent's. */
  readonly sequence: number;
  /** Random, one per attempt to commit. */
  readonly commitId: CommitId;
  /** The checkpoint before this one in the desktop's line. */
  readonly parent?: ParentReference;
  /** Only the first checkpoint of a fork has it, and no parent. */
  readonly forkedFrom?: ForkReference;
  /** Of the account's device chain as the writer knew it when it signed. */
  readonly chain: { readonly length: number; readonly headHash: Buffer };
  readonly createdMs: number;
  /** Every pack that the checkpoint needs, ascending by id; of other desktops too where the line began as a fork. */
  readonly packs: readonly ManifestPack[];
}

/** The parts of a manifest as they lie in its bytes: public || private length u32 || sealed private part || signature. */
export interface ManifestParts {
  readonly public: ManifestPublic;
  readonly publicBytes: Buffer;
  readonly sealedPrivate: Buffer;
  /** Everything before the signature. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

export function manifestKeyOf(manifest: ManifestPlace): string {
  return manifestObjectKey(manifest);
}

export function packKeyOf(pack: ManifestPack): string {
  return packObjectKey(pack);
}

/** The object key of the parent's manifest. */
export function parentKeyOf({ desktopId }: Pick<ManifestPublic, 'desktopId'>, parent: ParentReference): string {
  return manifestObjectKey({ desktopId, epoch: parent.epoch, hostId: parent.hostId, sequence: parent.sequence, commitId: parent.commitId });
}

/** The object key of the manifest that a fork began with. */
export function forkKeyOf(fork: ForkReference): string {
  return parentKeyOf(fork, fork);
}

/**
 * The public part. Needs no key and proves nothing: whoever relies on it has to verify the signature (`openManifest`).
 * MANIFEST_INVALID unless the bytes are the one encoding of a manifest of version 1.
 */
export function decodeManifestPublic(bytes: Uint8Array): ManifestPublic {
  return splitManifest(bytes).public;
}

export function splitManifest(bytes: Uint8Array): ManifestParts {
  if (bytes.length > manifestBytesMax) throw new Fault('MANIFEST_INVALID', { expected: `at most ${manifestBytesMax} bytes`, found: `${bytes.length}` });
  const reader = new ByteReader(bytes, 'MANIFEST_INVALID');
  const decoded = readPublic(reader);
  const publicBytes = reader.bytes.subarray(0, reader.offset);
  const sealedPrivate = reader.take(reader.u32());
  const signed = reader.bytes.subarray(0, reader.offset);
  const signature = reader.take(signatureBytes);
  if (reader.remainingBytes !== 0) throw new Fault('MANIFEST_INVALID', { expected: 'the end of the manifest', found: `${reader.remainingBytes} more bytes` });
  return { public: decoded, publicBytes, sealedPrivate, signed, signature };
}

export function encodePublic(manifest: ManifestPublic): Buffer {
  checkPublic(manifest, 'VALUE_OUT_OF_RANGE');
  const writer = new ByteWriter(fixedBytesMax + manifest.packs.length * (manifestOriginBytes + packEntryBytes)).u32(magic).u16(formatVersion).u16(formatSuite);
  writer.put(idToBytes(manifest.desktopId)).u64(manifest.sequence).u64(manifest.epoch).u32(manifest.keyGeneration);
  writer.put(idToBytes(manifest.hostId)).put(idToBytes(manifest.commitId));
  const { parent, forkedFrom } = manifest;
  const before = parent ?? forkedFrom;
  writer.u8(parent !== undefined ? lineGoesOn : forkedFrom !== undefined ? lineForks : lineBegins);
  if (forkedFrom !== undefined) writer.put(idToBytes(forkedFrom.desktopId));
  if (before !== undefined) writer.put(before.digest).u64(before.epoch).u64(before.sequence).put(idToBytes(before.hostId)).put(idToBytes(before.commitId));
  writer.u32(manifest.chain.length).put(manifest.chain.headHash).u64(manifest.createdMs).u32(0);
  const origins = new Map([...new Map(manifest.packs.map((pack) => [originName(pack), pack]))].sort(([a], [b]) => (a < b ? -1 : 1)));
  const indices = new Map([...origins.keys()].map((name, index) => [name, index]));
  writer.u16(origins.size);
  for (const origin of origins.values()) writer.put(idToBytes(origin.desktopId)).u64(origin.epoch).u32(origin.keyGeneration).put(idToBytes(origin.hostId));
  writer.u32(manifest.packs.length);
  for (const pack of manifest.packs) writer.u16(indices.get(originName(pack)) ?? 0).put(idToBytes(pack.packId)).u32(pack.lengthBytes).put(pack.digest);
  return writer.finish();
}

/** The encoding of an origin in hexadecimal: equal names are equal origins, and names sort as their bytes do. */
function originName({ desktopId, epoch, keyGeneration, hostId }: PackOrigin): string {
  return `${desktopId}${epoch.toString(16).padStart(16, '0')}${keyGeneration.toString(16).padStart(8, '0')}${hostId}`;
}

function readPublic(reader: ByteReader): ManifestPublic {
  if (reader.u32() !== magic) throw new Fault('MANIFEST_INVALID', { expected: 'a manifest', found: 'something else' });
  const version = reader.u16();
  const suite = reader.u16();
  if (version !== formatVersion || suite !== formatSuite) {
    throw new Fault('MANIFEST_INVALID', { expected: `version ${formatVersion}, suite ${formatSuite}`, found: `version ${version}, suite ${suite}` });
  }
  const desktopId = idFromBytes<DesktopId>(reader.take(16));
  const head = { desktopId, sequence: reader.u53(), epoch: reader.u53(), keyGeneration: reader.u32(), hostId: idFromBytes<HostId>(reader.take(16)), commitId: idFromBytes<CommitId>(reader.take(16)) };
  const before = readBefore(reader);
  const chain = { length: reader.u32(), headHash: Buffer.from(reader.take(32)) };
  const createdMs = reader.u53();
  const flags = reader.u32();
  if (flags !== 0) throw new Fault('MANIFEST_INVALID', { expected: 'no flags', found: `${flags}` });
  const origins = readOrigins(reader);
  const packs = readPacks(reader, origins);
  const manifest = { ...head, ...before, chain, createdMs, packs };
  checkPublic(manifest, 'MANIFEST_INVALID');
  return manifest;
}

function readBefore(reader: ByteReader): Pick<ManifestPublic, 'parent' | 'forkedFrom'> {
  const line = reader.u8();
  if (line === lineBegins) return {};
  if (line === lineGoesOn) return { parent: readParent(reader) };
  if (line === lineForks) return { forkedFrom: { desktopId: idFromBytes<DesktopId>(reader.take(16)), ...readParent(reader) } };
  throw new Fault('MANIFEST_INVALID', { expected: 'a line that begins, goes on or forks', found: `${line}` });
}

function readParent(reader: ByteReader): ParentReference {
  return { digest: Buffer.from(reader.take(32)), epoch: reader.u53(), sequence: reader.u53(), hostId: idFromBytes<HostId>(reader.take(16)), commitId: idFromBytes<CommitId>(reader.take(16)) };
}

function readOrigins(reader: ByteReader): PackOrigin[] {
  const count = reader.u16();
  if (count > manifestOriginsMax || count * manifestOriginBytes > reader.remainingBytes) throw new Fault('MANIFEST_INVALID', { expected: `at most ${manifestOriginsMax} origins of packs`, found: `${count}` });
  const origins: PackOrigin[] = [];
  for (let index = 0; index < count; index += 1) {
    const origin = { desktopId: idFromBytes<DesktopId>(reader.take(16)), epoch: reader.u53(), keyGeneration: reader.u32(), hostId: idFromBytes<HostId>(reader.take(16)) };
    const before = origins.at(-1);
    if (before !== undefined && originName(before) >= originName(origin)) throw new Fault('MANIFEST_INVALID', { expected: 'origins of packs ascending', found: originName(origin) });
    origins.push(origin);
  }
  return origins;
}

function readPacks(reader: ByteReader, origins: readonly PackOrigin[]): ManifestPack[] {
  const count = reader.u32();
  if (count > manifestPacksMax || count * packEntryBytes > reader.remainingBytes) throw new Fault('MANIFEST_INVALID', { expected: `at most ${manifestPacksMax} packs`, found: `${count}` });
  const packs: ManifestPack[] = [];
  const used = new Set<PackOrigin>();
  for (let index = 0; index < count; index += 1) {
    const origin = origins[reader.u16()];
    if (origin === undefined) throw new Fault('MANIFEST_INVALID', { expected: `an origin below ${origins.length}` });
    used.add(origin);
    packs.push({ ...origin, packId: idFromBytes<PackId>(reader.take(16)), lengthBytes: reader.u32(), digest: Buffer.from(reader.take(32)) });
  }
  if (used.size !== origins.length) throw new Fault('MANIFEST_INVALID', { expected: 'only origins that are used', found: `${origins.length} for ${used.size}` });
  return packs;
}

/** What holds for every manifest, whether it is written or read. */
function checkPublic(manifest: ManifestPublic, code: 'VALUE_OUT_OF_RANGE' | 'MANIFEST_INVALID'): void {
  const refuse = (expected: string, found: string): never => {
    throw new Fault(code, { expected, found });
  };
  const { parent, forkedFrom, packs } = manifest;
  if (manifest.sequence < 1) refuse('a sequence number from 1', `${manifest.sequence}`);
  if (manifest.keyGeneration < 1) refuse('a key generation from 1', `${manifest.keyGeneration}`);
  if (parent !== undefined) {
    if (parent.sequence >= manifest.sequence || parent.sequence < 1) refuse(`a parent before sequence ${manifest.sequence}`, `${parent.sequence}`);
    if (parent.epoch > manifest.epoch) refuse(`a parent of epoch ${manifest.epoch} or earlier`, `epoch ${parent.epoch}`);
  }
  if (forkedFrom !== undefined) {
    if (parent !== undefined) refuse('a parent or the beginning of a fork', 'both');
    if (forkedFrom.desktopId === manifest.desktopId) refuse('a fork of another desktop', forkedFrom.desktopId);
    if (forkedFrom.sequence < 1) refuse('a fork of a sequence number from 1', `${forkedFrom.sequence}`);
  }
  if (packs.length < 1 || packs.length > manifestPacksMax) refuse(`1 to ${manifestPacksMax} packs`, `${packs.length}`);
  for (let index = 0; index < packs.length; index += 1) checkPack(packs[index]!, packs[index - 1], manifest, refuse);
}

function checkPack(pack: ManifestPack, before: ManifestPack | undefined, manifest: ManifestPublic, refuse: (expected: string, found: string) => never): void {
  if (before !== undefined && before.packId >= pack.packId) refuse('packs ascending by id, each once', pack.packId);
  // Epochs count per desktop, so those of other desktops say nothing here.
  const own = pack.desktopId === manifest.desktopId;
  if (own && pack.epoch > manifest.epoch) refuse(`packs of epoch ${manifest.epoch} or earlier`, `epoch ${pack.epoch}`);
  const mayBorrow = manifest.parent !== undefined || manifest.forkedFrom !== undefined;
  if (!own && !mayBorrow) refuse(`packs of desktop ${manifest.desktopId}`, `one of desktop ${pack.desktopId}`);
  if (pack.keyGeneration < 1 || pack.keyGeneration > manifest.keyGeneration) refuse(`a key generation from 1 to ${manifest.keyGeneration}`, `${pack.keyGeneration}`);
  if (pack.lengthBytes < 1) refuse('packs that are not empty', pack.packId);
}
