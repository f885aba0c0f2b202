import { createHash } from 'node:crypto';

export const sha256Bytes = 32;

/** SHA-256 of the concatenation of `parts`. */
export function sha256(...parts: Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** SHA-256 under a purpose: over `"godwit/v1/" || domain || 0x00 || parts`. Domains hold no zero byte, so no two can meet. */
export function domainHash(domain: string, ...parts: Uint8Array[]): Buffer {
  return sha256(Buffer.from(`godwit/v1/${domain}\0`, 'latin1'), ...parts);
}
