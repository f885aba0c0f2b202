import { ByteReader, ByteWriter, Fault, idBytes, idFromBytes, idToBytes, type AccountId, type DesktopId, type HostId } from '@godwit/base';
import { sha256Bytes } from './sha256.ts';
import { WITNESS_BYTES_MAX } from './witness.ts';

/**
 * One leaf of the audit log: what happened, in ids and numbers. No name, no secret. The bytes are canonical, so who knows what
 * happened can make all of them but the coordinator's time. Layout: docs/keys.md, "Audit leaf".
 */
export interface AuditLeaf {
  readonly accountId: AccountId;
  /** A word of small letters and dashes, such as `checkpoint-committed` (docs/protocol.md lists them). */
  readonly kind: string;
  /** The host whose signed request it was; null for what the coordinator does by itself. */
  readonly hostId: HostId | null;
  readonly desktopId: DesktopId | null;
  /** Whom or what it concerns beside the desktop: a host, a recipient, a commit. 32 digits. */
  readonly subject: string | null;
  readonly epoch: number | null;
  /** Of a checkpoint, of a chain's entry (its position), of an account key (its generation). */
  readonly sequence: number | null;
  /** 32 bytes: of a manifest, an entry, a grant, a policy. */
  readonly digest: Buffer | null;
  /** The coordinator's clock. */
  readonly timeMs: number;
  /** What the host had seen of the log (witness.ts). */
  readonly witness: Buffer | null;
}

const magic = Buffer.from('gwal', 'latin1');
const version = 1;
export const AUDIT_KIND_BYTES_MAX = 32;
export const AUDIT_LEAF_BYTES_MAX = 4 + 1 + 1 + AUDIT_KIND_BYTES_MAX + 4 * idBytes + 2 * 8 + sha256Bytes + 8 + 2 + WITNESS_BYTES_MAX;
const kindPattern = /^[a-z]+(-[a-z]+)*$/;
const noId = Buffer.alloc(idBytes);
const noDigest = Buffer.alloc(sha256Bytes);

/** Absent fields are zeros, which no id, epoch or digest is. Throws INTERNAL for what has no encoding. */
export function encodeLeaf(leaf: AuditLeaf): Buffer {
  const { kind, witness, digest } = leaf;
  const fits =
    kindPattern.test(kind) && kind.length <= AUDIT_KIND_BYTES_MAX && (digest === null || digest.length === sha256Bytes) && leaf.epoch !== 0 && (witness === null || (witness.length > 0 && witness.length <= WITNESS_BYTES_MAX));
  if (!fits) throw new Fault('INTERNAL', { expected: 'a leaf that can be written', found: kind });
  const writer = new ByteWriter(AUDIT_LEAF_BYTES_MAX).put(magic).u8(version).u8(kind.length).put(Buffer.from(kind, 'latin1'));
  writer.put(idToBytes(leaf.accountId));
  for (const id of [leaf.hostId, leaf.desktopId, leaf.subject as HostId | null]) writer.put(id === null ? noId : idToBytes(id));
  // One more than the number, so that position 0 and no position differ.
  writer.u64(leaf.epoch ?? 0).u64(leaf.sequence === null ? 0 : leaf.sequence + 1).put(digest ?? noDigest).u64(leaf.timeMs);
  return writer.u16(witness?.length ?? 0).put(witness ?? Buffer.alloc(0)).finish();
}

/** Throws LOG_LEAF_INVALID for whatever `encodeLeaf` did not write. */
export function decodeLeaf(bytes: Uint8Array): AuditLeaf {
  if (bytes.length > AUDIT_LEAF_BYTES_MAX) throw new Fault('LOG_LEAF_INVALID', { expected: `at most ${AUDIT_LEAF_BYTES_MAX} bytes`, found: `${bytes.length}` });
  const reader = new ByteReader(Buffer.from(bytes), 'LOG_LEAF_INVALID');
  if (!reader.take(magic.length).equals(magic) || reader.u8() !== version) throw new Fault('LOG_LEAF_INVALID', { expected: `a leaf of version ${version}` });
  const kind = reader.take(reader.u8()).toString('latin1');
  if (!kindPattern.test(kind) || kind.length > AUDIT_KIND_BYTES_MAX) throw new Fault('LOG_LEAF_INVALID', { expected: 'a kind' });
  const accountId = idFromBytes<AccountId>(reader.take(idBytes));
  const [hostId, desktopId, subject] = [idOrNone<HostId>(reader.take(idBytes)), idOrNone<DesktopId>(reader.take(idBytes)), idOrNone<HostId>(reader.take(idBytes))];
  const [epoch, place] = [reader.u53(), reader.u53()];
  const digest = reader.take(sha256Bytes);
  const timeMs = reader.u53();
  const witness = reader.take(reader.u16());
  if (reader.remainingBytes !== 0 || witness.length > WITNESS_BYTES_MAX) throw new Fault('LOG_LEAF_INVALID', { expected: 'the end of the leaf' });
  return {
    accountId, kind, hostId, desktopId, subject, timeMs,
    epoch: epoch === 0 ? null : epoch,
    sequence: place === 0 ? null : place - 1,
    digest: digest.equals(noDigest) ? null : digest,
    witness: witness.length === 0 ? null : witness,
  };
}

function idOrNone<Id extends DesktopId | HostId>(bytes: Buffer): Id | null {
  return bytes.equals(noId) ? null : idFromBytes<Id>(bytes);
}
