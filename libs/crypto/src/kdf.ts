import { hkdfSync } from 'node:crypto';
import { ByteWriter, Fault } from '@godwit/base';
import { Secret } from './secrets.ts';

/** What keys are derived for: a closed list, so that no two uses of one key share a derivation. */
export type KdfDomain =
  | 'epoch-seal'
  | 'epoch-identify'
  | 'pack-seal'
  | 'pack-commitment'
  | 'manifest-seal'
  | 'grant-seal'
  | 'account-commitment'
  | 'file-seal'
  | 'recovery-sign'
  | 'recovery-box';

export const derivedKeyBytes = 32;
/** Node's HKDF takes no more. A pack header is the longest context and has to fit. */
export const KDF_INFO_BYTES_MAX = 1024;
const salt = Buffer.from('godwit/v1/kdf', 'latin1');

/**
 * The one key derivation of Godwit: HKDF-SHA-256 (RFC 5869), salt `"godwit/v1/kdf"`,
 * info = u8 length || domain, then u32 length || bytes of each part. 32 bytes come out.
 */
export function deriveKey(key: Secret, domain: KdfDomain, ...parts: Uint8Array[]): Secret {
  const lengthBytes = parts.reduce((sum, part) => sum + 4 + part.length, 1 + domain.length);
  if (lengthBytes > KDF_INFO_BYTES_MAX) {
    throw new Fault('INTERNAL', { expected: `at most ${KDF_INFO_BYTES_MAX} bytes of derivation context`, found: `${lengthBytes}` });
  }
  const info = new ByteWriter(lengthBytes).u8(domain.length).put(Buffer.from(domain, 'latin1'));
  for (const part of parts) info.u32(part.length).put(part);
  return new Secret(new Uint8Array(hkdfSync('sha256', key.bytes, salt, info.finish(), derivedKeyBytes)));
}
