import { ByteReader, ByteWriter, Fault, idBytes, idFromBytes, idToBytes, type AccountId, type FaultCode, type HostId } from '@godwit/base';
import { commitmentBytes } from './key-tree.ts';
import { boxPublicBytes, deviceFromPublic, type DevicePublic } from './identity.ts';
import { domainHash, sha256Bytes } from './sha256.ts';
import { signatureBytes, signPublicBytes } from './signature.ts';

/**
 * One entry of a device chain, as bytes and back (docs/keys.md, "Chain entry"). Canonical: one encoding per entry, the
 * decoder refuses every other with CHAIN_ENTRY_INVALID. Whether an entry may stand where it stands is device-chain.ts.
 */

interface EntryCommon {
  readonly accountId: AccountId;
  /** Position in the chain, from 0. */
  readonly sequence: number;
  /** `entryHash` of the entry before; zeros in the genesis. */
  readonly previousHash: Buffer;
  /** For people only: positions count, times do not. Milliseconds since 1970. */
  readonly createdMs: number;
  /** The host id of a device, or of the recovery keys. */
  readonly signer: HostId;
}

export interface GenesisEntry extends EntryCommon {
  readonly kind: 'genesis';
  readonly recovery: DevicePublic;
  /** `accountKeyCommitment` of the first account key, 32 bytes. */
  readonly keyCommitment: Buffer;
  readonly device: DevicePublic;
  readonly name: string;
}

export interface AddEntry extends EntryCommon {
  readonly kind: 'add';
  readonly device: DevicePublic;
  readonly name: string;
}

export interface RevokeEntry extends EntryCommon {
  readonly kind: 'revoke';
  readonly subject: HostId;
  /** `accountKeyCommitment` of the account key that holds from here on, 32 bytes: who grants another one is found out. */
  readonly keyCommitment: Buffer;
}

export type ChainEntry = GenesisEntry | AddEntry | RevokeEntry;

export interface DecodedEntry {
  readonly entry: ChainEntry;
  /** What is signed: all bytes before the signature. */
  readonly body: Buffer;
  readonly signature: Buffer;
  /** Over body and signature. The next entry names it. */
  readonly hash: Buffer;
}

const magic = Buffer.from('gwce', 'latin1');
const version = 1;
const kinds = { genesis: 1, add: 2, revoke: 3 } as const;
const zeroId = Buffer.alloc(idBytes);

/** A name fills a table's column, not a screen. */
export const DEVICE_NAME_BYTES_MAX = 64;
const headerBytes = 4 + 1 + 1 + 2 + idBytes + 4 + sha256Bytes + 8 + idBytes;
const publicBytes = signPublicBytes + boxPublicBytes;
/** A genesis with the longest name. */
export const ENTRY_BYTES_MAX = headerBytes + 2 * publicBytes + commitmentBytes + 1 + DEVICE_NAME_BYTES_MAX + signatureBytes;

/** Body || signature. */
export function encodeEntry(entry: ChainEntry, signature: Uint8Array): Buffer {
  return Buffer.concat([entryBody(entry), signature]);
}

/** The bytes that are signed. In a genesis the account id follows from these bytes, so its field is zero in them. */
export function entryBody(entry: ChainEntry): Buffer {
  if (!Number.isSafeInteger(entry.createdMs) || entry.createdMs < 0) {
    throw new Fault('VALUE_OUT_OF_RANGE', { subject: 'time of an entry', expected: 'milliseconds from 0 to 2^53', found: String(entry.createdMs) });
  }
  const writer = new ByteWriter(ENTRY_BYTES_MAX).put(magic).u8(version).u8(kinds[entry.kind]).u16(0);
  writer.put(entry.kind === 'genesis' ? zeroId : idToBytes(entry.accountId));
  writer.u32(entry.sequence).put(entry.previousHash).u64(entry.createdMs).put(idToBytes(entry.signer));
  if (entry.kind === 'revoke') return writer.put(idToBytes(entry.subject)).put(checkedCommitment(entry.keyCommitment)).finish();
  if (entry.kind === 'genesis') writer.put(entry.recovery.signPublic).put(entry.recovery.boxPublic).put(checkedCommitment(entry.keyCommitment));
  const name = Buffer.from(checkDeviceName(entry.name), 'utf8');
  return writer.put(entry.device.signPublic).put(entry.device.boxPublic).u8(name.length).put(name).finish();
}

function checkedCommitment(commitment: Buffer): Buffer {
  if (commitment.length !== commitmentBytes) throw new Fault('INTERNAL', { expected: `${commitmentBytes} bytes of commitment`, found: `${commitment.length}` });
  return commitment;
}

export function accountIdOf(genesisBody: Uint8Array): AccountId {
  return idFromBytes<AccountId>(domainHash('account-id', genesisBody).subarray(0, idBytes));
}

export function entryHash(bytes: Uint8Array): Buffer {
  return domainHash('chain-entry-hash', bytes);
}

/**
 * Throws CHAIN_ENTRY_INVALID unless `bytes` is exactly what `encodeEntry` makes of some entry, PUBLIC_KEY_WEAK when it names
 * a key that no device has. Verifies no signature.
 */
export function decodeEntry(bytes: Uint8Array): DecodedEntry {
  if (bytes.length > ENTRY_BYTES_MAX) throw new Fault('CHAIN_ENTRY_INVALID', { expected: `at most ${ENTRY_BYTES_MAX} bytes`, found: `${bytes.length}` });
  const reader = new ByteReader(Buffer.from(bytes), 'CHAIN_ENTRY_INVALID');
  if (!reader.take(magic.length).equals(magic)) throw new Fault('CHAIN_ENTRY_INVALID', { expected: 'an entry of a device chain' });
  const foundVersion = reader.u8();
  if (foundVersion !== version) throw new Fault('CHAIN_ENTRY_INVALID', { expected: `version ${version}`, found: `${foundVersion}` });
  const kind = reader.u8();
  if (reader.u16() !== 0) throw new Fault('CHAIN_ENTRY_INVALID', { expected: 'zeros in the reserved bytes' });
  const accountId = reader.take(idBytes);
  const rest = {
    sequence: reader.u32(),
    previousHash: reader.take(sha256Bytes),
    createdMs: reader.u53(),
    signer: idFromBytes<HostId>(reader.take(idBytes)),
  };
  const content = readContent(reader, kind);
  const body = reader.bytes.subarray(0, reader.offset);
  const signature = reader.take(signatureBytes);
  if (reader.remainingBytes !== 0) throw new Fault('CHAIN_ENTRY_INVALID', { expected: 'the end of the entry', found: `${reader.remainingBytes} more bytes` });
  if ((content.kind === 'genesis') !== accountId.equals(zeroId)) {
    throw new Fault('CHAIN_ENTRY_INVALID', { expected: 'an account id in every entry but the genesis' });
  }
  const id = content.kind === 'genesis' ? accountIdOf(body) : idFromBytes<AccountId>(accountId);
  return { entry: { accountId: id, ...rest, ...content }, body, signature, hash: entryHash(reader.bytes) };
}

type Content =
  | Pick<GenesisEntry, 'kind' | 'recovery' | 'keyCommitment' | 'device' | 'name'>
  | Pick<AddEntry, 'kind' | 'device' | 'name'>
  | Pick<RevokeEntry, 'kind' | 'subject' | 'keyCommitment'>;

function readContent(reader: ByteReader, kind: number): Content {
  switch (kind) {
    case kinds.genesis:
      return { kind: 'genesis', recovery: readDevice(reader), keyCommitment: reader.take(commitmentBytes), device: readDevice(reader), name: readName(reader) };
    case kinds.add:
      return { kind: 'add', device: readDevice(reader), name: readName(reader) };
    case kinds.revoke:
      return { kind: 'revoke', subject: idFromBytes<HostId>(reader.take(idBytes)), keyCommitment: reader.take(commitmentBytes) };
    default:
      throw new Fault('CHAIN_ENTRY_INVALID', { expected: 'a kind of entry from 1 to 3', found: `${kind}` });
  }
}

function readDevice(reader: ByteReader): DevicePublic {
  const signPublic = reader.take(signPublicBytes);
  return deviceFromPublic(signPublic, reader.take(boxPublicBytes));
}

function readName(reader: ByteReader): string {
  const bytes = reader.take(reader.u8());
  const name = bytes.toString('utf8');
  if (!Buffer.from(name, 'utf8').equals(bytes)) throw new Fault('CHAIN_ENTRY_INVALID', { expected: 'a name in UTF-8' });
  return checkDeviceName(name, 'CHAIN_ENTRY_INVALID');
}

/**
 * Control characters, line separators and bidirectional marks: what could make one name look like another on a screen.
 * The set is part of the format and stands here, so that no later table of Unicode makes an old chain invalid.
 */
// eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
const refusedInNames = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffd]/u;

/** The name itself, if it is 1 to 64 bytes of UTF-8 without the characters above; else `code`. */
export function checkDeviceName(name: string, code: FaultCode = 'VALUE_OUT_OF_RANGE'): string {
  const lengthBytes = Buffer.byteLength(name, 'utf8');
  if (lengthBytes < 1 || lengthBytes > DEVICE_NAME_BYTES_MAX) {
    throw new Fault(code, { expected: `a name of 1 to ${DEVICE_NAME_BYTES_MAX} bytes`, found: `${lengthBytes}` });
  }
  if (refusedInNames.test(name) || !name.isWellFormed()) throw new Fault(code, { expected: 'a name without control characters' });
  return name;
}
