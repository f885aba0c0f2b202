import { ByteReader, ByteWriter, Fault, idBytes, idFromBytes, idToBytes, type HostId } from '@godwit/base';
import type { DeviceSecrets } from './identity.ts';
import { sha256Bytes } from './sha256.ts';
import { sign, signatureBytes, verify } from './signature.ts';
import { openTreeHead, TREE_HEAD_BYTES_MAX, type SignedTreeHead } from './tree-head.ts';

/**
 * A host's signed word that it had seen a tree head when it committed a checkpoint. Whoever resumes the checkpoint compares that head
 * with the log it is shown itself, so a coordinator cannot show two hosts two logs. Layout: docs/keys.md, "Witness".
 */
const magic = Buffer.from('gwwi', 'latin1');
const version = 1;
export const WITNESS_BYTES_MAX = 4 + 1 + idBytes + sha256Bytes + 2 + TREE_HEAD_BYTES_MAX + signatureBytes;

/** `digest`: of the manifest that the host commits, so that a witness cannot be shown for another checkpoint. */
export function signWitness(digest: Uint8Array, head: SignedTreeHead, by: DeviceSecrets): Buffer {
  const writer = new ByteWriter(WITNESS_BYTES_MAX).put(magic).u8(version).put(idToBytes(by.hostId)).put(digest).u16(head.bytes.length);
  const body = writer.put(head.bytes).finish();
  return Buffer.concat([body, sign('witness', body, by.signSecret)]);
}

/** The head that the host named in `by` had seen. Throws LOG_WITNESS_INVALID, or TREE_HEAD_INVALID for a head that another log key signed. */
export function openWitness(
  bytes: Uint8Array,
  by: { readonly hostId: HostId; readonly signPublic: Uint8Array; readonly digest: Uint8Array },
  log: { readonly audience: string; readonly signPublic: Uint8Array },
): SignedTreeHead {
  const { hostId, digest, head, body, signature } = parse(bytes);
  if (hostId !== by.hostId) throw new Fault('LOG_WITNESS_INVALID', { expected: `host ${by.hostId}`, found: hostId });
  if (!digest.equals(by.digest)) throw new Fault('LOG_WITNESS_INVALID', { expected: 'a witness for this checkpoint' });
  try {
    verify('witness', body, signature, by.signPublic);
  } catch {
    throw new Fault('LOG_WITNESS_INVALID', { expected: `the signature of host ${by.hostId}` });
  }
  return openTreeHead(head, log);
}

/** The bytes of the tree head inside, unchecked: whoever needs to trust them uses `openWitness`. */
export function headOfWitness(bytes: Uint8Array): Buffer {
  return parse(bytes).head;
}

function parse(bytes: Uint8Array): { hostId: HostId; digest: Buffer; head: Buffer; body: Buffer; signature: Buffer } {
  if (bytes.length > WITNESS_BYTES_MAX) throw new Fault('LOG_WITNESS_INVALID', { expected: `at most ${WITNESS_BYTES_MAX} bytes`, found: `${bytes.length}` });
  const reader = new ByteReader(Buffer.from(bytes), 'LOG_WITNESS_INVALID');
  if (!reader.take(magic.length).equals(magic) || reader.u8() !== version) throw new Fault('LOG_WITNESS_INVALID', { expected: `a witness of version ${version}` });
  const hostId = idFromBytes<HostId>(reader.take(idBytes));
  const digest = reader.take(sha256Bytes);
  const head = reader.take(reader.u16());
  const body = reader.bytes.subarray(0, reader.offset);
  if (reader.remainingBytes !== signatureBytes) throw new Fault('LOG_WITNESS_INVALID', { expected: `${signatureBytes} bytes of signature`, found: `${reader.remainingBytes}` });
  return { hostId, digest, head, body, signature: reader.take(signatureBytes) };
}
