import { ByteReader, ByteWriter, Fault } from '@godwit/base';
import { Secret } from './secrets.ts';
import { sha256Bytes } from './sha256.ts';
import { sign, signatureBytes, verify } from './signature.ts';
import { sodium } from './sodium.ts';

/** What a coordinator signs about its log: with it, it cannot later show anybody another past. Layout: docs/keys.md, "Tree head". */
export interface TreeHead {
  /** The coordinator's name for itself. */
  readonly audience: string;
  /** Leaves in the tree. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Buffer;
  /** The coordinator's clock. */
  readonly timeMs: number;
}

/** A head whose signature was checked, with the bytes that prove it to others. */
export interface SignedTreeHead extends TreeHead {
  readonly bytes: Buffer;
}

const magic = Buffer.from('gwth', 'latin1');
const version = 1;
const audienceBytesMax = 255;
export const TREE_HEAD_BYTES_MAX = 4 + 1 + 1 + audienceBytesMax + 8 + sha256Bytes + 8 + signatureBytes;

/** An Ed25519 key pair for a coordinator's log from 32 random bytes, which live on in the secret. */
export function logKeyFromSeed(seed: Uint8Array): { readonly signPublic: Buffer; readonly signSecret: Secret } {
  const pair = sodium.crypto_sign_seed_keypair(seed);
  return { signPublic: Buffer.from(pair.publicKey), signSecret: new Secret(pair.privateKey) };
}

export function signTreeHead({ audience, size, root, timeMs }: TreeHead, signSecret: Secret): SignedTreeHead {
  const fits = /^[\x21-\x7e]{1,255}$/.test(audience) && root.length === sha256Bytes;
  if (!fits) throw new Fault('INTERNAL', { expected: 'an audience and a root' });
  const writer = new ByteWriter(TREE_HEAD_BYTES_MAX).put(magic).u8(version).u8(audience.length).put(Buffer.from(audience, 'latin1'));
  const body = writer.u64(size).put(root).u64(timeMs).finish();
  return { audience, size, root, timeMs, bytes: Buffer.concat([body, sign('tree-head', body, signSecret)]) };
}

/** Throws TREE_HEAD_INVALID, one and the same for bytes that are no head, another audience and a signature that does not hold. */
export function openTreeHead(bytes: Uint8Array, by: { readonly audience: string; readonly signPublic: Uint8Array }): SignedTreeHead {
  const head = parse(bytes);
  if (head.audience !== by.audience) throw new Fault('TREE_HEAD_INVALID', { expected: by.audience, found: head.audience });
  try {
    verify('tree-head', head.bytes.subarray(0, -signatureBytes), head.bytes.subarray(-signatureBytes), by.signPublic);
  } catch {
    throw new Fault('TREE_HEAD_INVALID', { expected: 'the signature of the log key that this host learnt' });
  }
  return head;
}

function parse(bytes: Uint8Array): SignedTreeHead {
  if (bytes.length > TREE_HEAD_BYTES_MAX) throw new Fault('TREE_HEAD_INVALID', { expected: `at most ${TREE_HEAD_BYTES_MAX} bytes`, found: `${bytes.length}` });
  const reader = new ByteReader(Buffer.from(bytes), 'TREE_HEAD_INVALID');
  if (!reader.take(magic.length).equals(magic) || reader.u8() !== version) throw new Fault('TREE_HEAD_INVALID', { expected: `a tree head of version ${version}` });
  const audience = reader.take(reader.u8()).toString('latin1');
  if (!/^[\x21-\x7e]+$/.test(audience)) throw new Fault('TREE_HEAD_INVALID', { expected: 'a name in visible ASCII' });
  const [size, root, timeMs] = [reader.u53(), reader.take(sha256Bytes), reader.u53()];
  if (reader.remainingBytes !== signatureBytes) throw new Fault('TREE_HEAD_INVALID', { expected: `${signatureBytes} bytes of signature`, found: `${reader.remainingBytes}` });
  return { audience, size, root, timeMs, bytes: reader.bytes };
}
