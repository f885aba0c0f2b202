import { ByteReader, ByteWriter, Fault, idToBytes, type AccountId, type DesktopId, type Random } from '@godwit/base';
import { deriveKey } from './kdf.ts';
import { Secret } from './secrets.ts';
import { sodium } from './sodium.ts';

/**
 * From the account key down: account key (one per generation) wraps desktop keys; a desktop key gives epoch keys, an
 * epoch key pack keys and manifest keys. Layouts and derivations byte by byte: docs/keys.md.
 */
export const accountKeyBytes = 32;
export const desktopKeyBytes = 32;
export const commitmentBytes = 32;

/** Generations are a u32, from 1: chains are far shorter. */
export const GENERATION_MAX = 0xffff_ffff;

export function newAccountKey(random: Random): Secret {
  return new Secret(random(accountKeyBytes));
}

/** 32 public bytes that stand in the device chain: they name one account key of one generation and tell nothing of it. */
export function accountKeyCommitment(accountKey: Secret, generation: number): Buffer {
  return deriveKey(accountKey, 'account-commitment', new ByteWriter(4).u32(generation).finish()).bytes;
}

export function newDesktopKey(random: Random): Secret {
  return new Secret(random(desktopKeyBytes));
}

export interface EpochKeys {
  /** For packs and manifests: goes into `packKeys` and `manifestKey`, never into a cipher itself. */
  readonly seal: Secret;
  /** For the keyed digest that tells whether a page changed. */
  readonly identify: Secret;
}

/** `epoch`: an integer from 0. Two epochs, and two desktops, never share a key. */
export function epochKeys(desktopKey: Secret, desktopId: DesktopId, epoch: number): EpochKeys {
  const context = [idToBytes(desktopId), u64(epoch)];
  return { seal: deriveKey(desktopKey, 'epoch-seal', ...context), identify: deriveKey(desktopKey, 'epoch-identify', ...context) };
}

export interface PackKeys {
  readonly seal: Secret;
  /** 32 public bytes, stored in the pack: a reader with another key sees that it has the wrong one before it opens a frame. */
  readonly commitment: Buffer;
}

/** `packHeader`: the whole pack header without the commitment; whoever changes a byte of it gets other keys. */
export function packKeys(epochSealKey: Secret, packHeader: Uint8Array): PackKeys {
  return { seal: deriveKey(epochSealKey, 'pack-seal', packHeader), commitment: deriveKey(epochSealKey, 'pack-commitment', packHeader).bytes };
}

/** The key of the sealed parts of one manifest. `context` has to name that manifest alone: the key seals from counter 0. */
export function manifestKey(epochSealKey: Secret, ...context: Uint8Array[]): Secret {
  return deriveKey(epochSealKey, 'manifest-seal', ...context);
}

const wrappedMagic = Buffer.from('gwdk', 'latin1');
const wrappedVersion = 1;
/** 1 = XChaCha20-Poly1305. There is no suite 0 and no reader for one. */
const wrappedSuite = 1;
const wrapNonceBytes = 24;
const wrapTagBytes = 16;
export const wrappedDesktopKeyBytes = 4 + 1 + 1 + 4 + 4 + wrapNonceBytes + desktopKeyBytes + wrapTagBytes;

export interface WrapContext {
  readonly accountId: AccountId;
  readonly accountKey: Secret;
  /** The generation of `accountKey`. */
  readonly generation: number;
  readonly desktopId: DesktopId;
  /** Of the desktop key: the generation that the account had when it was made. At most `generation`, which a wrapping again raises. */
  readonly keyGeneration: number;
}

/** The desktop key under the account key: 86 bytes that open only with this key, account, generations and desktop. */
export function wrapDesktopKey(context: WrapContext & { readonly desktopKey: Secret }, random: Random): Buffer {
  if (!mayWrap(context)) throw new Fault('INTERNAL', { expected: `a desktop key of generation ${context.generation} or before`, found: `${context.keyGeneration}` });
  const nonce = random(wrapNonceBytes);
  const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(context.desktopKey.bytes, wrapAssociatedData(context), null, nonce, context.accountKey.bytes);
  return new ByteWriter(wrappedDesktopKeyBytes).put(wrappedMagic).u8(wrappedVersion).u8(wrappedSuite).u32(context.generation).u32(context.keyGeneration).put(nonce).put(sealed).finish();
}

/** Throws GRANT_INVALID, one and the same for each cause: another length, version, suite, generation of either key, desktop, account or key. */
export function unwrapDesktopKey(context: WrapContext, wrapped: Uint8Array): Secret {
  try {
    const named = wrappedGenerations(wrapped);
    if (named.generation !== context.generation || named.keyGeneration !== context.keyGeneration || !mayWrap(context)) throw new Fault('GRANT_INVALID');
    const reader = new ByteReader(wrapped, 'GRANT_INVALID');
    reader.take(wrappedDesktopKeyBytes - wrapNonceBytes - desktopKeyBytes - wrapTagBytes);
    const nonce = reader.take(wrapNonceBytes);
    const sealed = reader.take(desktopKeyBytes + wrapTagBytes);
    return new Secret(sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, wrapAssociatedData(context), nonce, context.accountKey.bytes));
  } catch {
    throw new Fault('GRANT_INVALID', { subject: 'desktop key' });
  }
}

/** The generations of account key and desktop key that a wrapped one claims, to find the account key to try. Authentic only once `unwrapDesktopKey` has returned. */
export function wrappedGenerations(wrapped: Uint8Array): { readonly generation: number; readonly keyGeneration: number } {
  if (wrapped.length !== wrappedDesktopKeyBytes) throw new Fault('GRANT_INVALID', { subject: 'desktop key' });
  const reader = new ByteReader(wrapped, 'GRANT_INVALID');
  const known = reader.take(4).equals(wrappedMagic) && reader.u8() === wrappedVersion && reader.u8() === wrappedSuite;
  if (!known) throw new Fault('GRANT_INVALID', { subject: 'desktop key' });
  return { generation: reader.u32(), keyGeneration: reader.u32() };
}

/** An older account key is in the hands of a device that was revoked: what is under it must never pass for a key of a later generation. */
function mayWrap({ generation, keyGeneration }: WrapContext): boolean {
  return keyGeneration >= 1 && keyGeneration <= generation;
}

function wrapAssociatedData({ accountId, generation, desktopId, keyGeneration }: WrapContext): Buffer {
  return new ByteWriter()
    .put(Buffer.from('godwit/v1/desktop-key\0', 'latin1'))
    .u8(wrappedVersion)
    .u8(wrappedSuite)
    .put(idToBytes(accountId))
    .put(idToBytes(desktopId))
    .u32(generation)
    .u32(keyGeneration)
    .finish();
}

function u64(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) throw new Fault('VALUE_OUT_OF_RANGE', { expected: 'an integer from 0 to 2^53', found: String(value) });
  return new ByteWriter(8).u64(value).finish();
}
