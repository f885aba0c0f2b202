import { Fault } from '@godwit/base';
import { sodium } from './sodium.ts';
import type { Secret } from './secrets.ts';

/** What can be signed: a closed list. The type is part of the signed bytes, so one kind never passes for another. */
export const signedTypes = ['chain-entry', 'grant', 'manifest', 'request', 'policy', 'offline-policy', 'arrival-order', 'tree-head', 'witness'] as const;
export type SignedType = (typeof signedTypes)[number];

export const signatureBytes = 64;
export const signPublicBytes = 32;
/** libsodium's form: the seed, then the public key. */
export const signSecretBytes = 64;

/** Ed25519 (RFC 8032, deterministic) over `"godwit/v1/" || type || 0x00 || body`. `signSecret`: 64 bytes. */
export function sign(type: SignedType, body: Uint8Array, signSecret: Secret): Buffer {
  return Buffer.from(sodium.crypto_sign_detached(signedMessage(type, body), signSecret.bytes));
}

/**
 * Throws SIGNATURE_INVALID, and says no more, unless `signature` over `type` and `body` is by the owner of `signPublic`.
 * libsodium refuses keys and points of small order and a scalar that is not reduced, so a valid signature can't be varied.
 */
export function verify(type: SignedType, body: Uint8Array, signature: Uint8Array, signPublic: Uint8Array): void {
  if (!holds(type, body, signature, signPublic)) throw new Fault('SIGNATURE_INVALID', { subject: type });
}

function holds(type: SignedType, body: Uint8Array, signature: Uint8Array, signPublic: Uint8Array): boolean {
  if (signature.length !== signatureBytes || signPublic.length !== signPublicBytes) return false;
  return sodium.crypto_sign_verify_detached(signature, signedMessage(type, body), signPublic);
}

function signedMessage(type: SignedType, body: Uint8Array): Buffer {
  if (!signedTypes.includes(type)) throw new Fault('INTERNAL', { expected: 'a type that can be signed', found: JSON.stringify(type) });
  return Buffer.concat([Buffer.from(`godwit/v1/${type}\0`, 'latin1'), body]);
}
