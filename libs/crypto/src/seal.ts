import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { Fault } from '@godwit/base';
import { zero, type Secret } from './secrets.ts';

/**
 * Bulk sealing: ChaCha20-Poly1305 (RFC 8439) from node:crypto. Nonce = 4 zero bytes || u64 big-endian counter, the tag
 * appended. A key seals each counter once, so keys are derived for one object (a pack, a manifest) and one writer.
 */
export const sealKeyBytes = 32;
export const sealTagBytes = 16;
const nonceBytes = 12;
const algorithm = 'chacha20-poly1305';

export function sealedLength(plainLengthBytes: number): number {
  return plainLengthBytes + sealTagBytes;
}

/** Throws SEAL_BROKEN when nothing sealed can have this length. */
export function plainLength(sealedLengthBytes: number): number {
  if (sealedLengthBytes < sealTagBytes) throw new Fault('SEAL_BROKEN');
  return sealedLengthBytes - sealTagBytes;
}

/** The sealing side of one key. It remembers the last counter, so no nonce is ever used twice through it. */
export class PackSealer {
  readonly #key: Secret;
  #next = 0;

  constructor(key: Secret) {
    this.#key = checkedKey(key);
  }

  /**
   * `counter`: an integer above each that was used before (gaps are fine), else INTERNAL. Returns ciphertext || tag,
   * `sealedLength(plaintext.length)` bytes.
   */
  seal(counter: number, associatedData: Uint8Array, plaintext: Uint8Array): Buffer {
    const sealed = Buffer.allocUnsafe(sealedLength(plaintext.length));
    this.sealInto(counter, associatedData, plaintext, sealed, 0);
    return sealed;
  }

  /** Like `seal`, into `target` from `offset` (a pack that is being filled): one copy less. Returns the number of bytes written. */
  sealInto(counter: number, associatedData: Uint8Array, plaintext: Uint8Array, target: Uint8Array, offset: number): number {
    const sealedBytes = sealedLength(plaintext.length);
    if (offset < 0 || offset + sealedBytes > target.length) {
      throw new Fault('INTERNAL', { expected: `room for ${sealedBytes} sealed bytes`, found: `${target.length - offset}` });
    }
    if (!Number.isSafeInteger(counter) || counter < this.#next) {
      throw new Fault('INTERNAL', { expected: `a seal counter of ${this.#next} or more`, found: String(counter) });
    }
    this.#next = counter + 1;
    const cipher = createCipheriv(algorithm, keyObjectOf(this.#key), nonceOf(counter), { authTagLength: sealTagBytes });
    cipher.setAAD(associatedData, { plaintextLength: plaintext.length });
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    target.set(ciphertext, offset);
    target.set(cipher.getAuthTag(), offset + ciphertext.length);
    release(ciphertext);
    return sealedBytes;
  }
}

/**
 * Gives memory back at once that nobody looks at any more: what waits for the collector makes it run often, and new memory is cold.
 * Only of a buffer that is all of its memory; a small one shares it with others.
 */
export function release({ buffer, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0);
}

/** The plaintext, only after its tag was verified; else SEAL_BROKEN, whatever was wrong, and no byte of it is left in memory. */
export function openSealed(key: Secret, counter: number, associatedData: Uint8Array, sealed: Uint8Array): Buffer {
  const plainBytes = plainLength(sealed.length);
  if (!Number.isSafeInteger(counter) || counter < 0) throw new Fault('SEAL_BROKEN');
  const decipher = createDecipheriv(algorithm, keyObjectOf(checkedKey(key)), nonceOf(counter), { authTagLength: sealTagBytes });
  decipher.setAAD(associatedData, { plaintextLength: plainBytes });
  decipher.setAuthTag(sealed.subarray(plainBytes));
  const plaintext = decipher.update(sealed.subarray(0, plainBytes));
  try {
    decipher.final();
  } catch {
    zero(plaintext);
    throw new Fault('SEAL_BROKEN');
  }
  return plaintext;
}

/**
 * OpenSSL's form of a key, made once and not for each frame. It is a copy that OpenSSL clears when it frees it, which is when
 * the secret itself is no longer used by anybody.
 */
const keyObjects = new WeakMap<Secret, KeyObject>();

function keyObjectOf(key: Secret): KeyObject {
  // Throws for a secret that was zeroed, whatever is still kept of it.
  const { bytes } = key;
  let keyObject = keyObjects.get(key);
  if (keyObject === undefined) {
    keyObject = createSecretKey(bytes);
    keyObjects.set(key, keyObject);
  }
  return keyObject;
}

function nonceOf(counter: number): Buffer {
  const nonce = Buffer.alloc(nonceBytes);
  nonce.writeBigUInt64BE(BigInt(counter), nonceBytes - 8);
  return nonce;
}

function checkedKey(key: Secret): Secret {
  if (key.lengthBytes !== sealKeyBytes) throw new Fault('INTERNAL', { expected: `a key of ${sealKeyBytes} bytes`, found: `${key.lengthBytes}` });
  return key;
}
