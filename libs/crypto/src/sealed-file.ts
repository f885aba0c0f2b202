import { ByteReader, ByteWriter, Fault, type Random } from '@godwit/base';
import { deriveKey } from './kdf.ts';
import { openSealed, PackSealer, sealTagBytes } from './seal.ts';
import type { Secret } from './secrets.ts';

/** A host's own files at rest, sealed under its home key (docs/keys.md, "Sealed file"). */
const magic = Buffer.from('GWSEALED', 'latin1');
const version = 1;
const saltBytes = 32;
const headerBytes = magic.length + 2 + 2 + saltBytes;

/** Whether `bytes` claims to be a sealed file, of whatever version. */
export function isSealedFile(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, magic.length)).equals(magic);
}

/** `label`: what the file is; sealed as one thing it does not open as another. The salt is fresh each time, so each key seals once. */
export function sealFile(homeKey: Secret, label: string, plaintext: Uint8Array, random: Random): Buffer {
  const header = new ByteWriter(headerBytes).put(magic).u16(version).u16(0).put(random(saltBytes)).finish();
  const key = fileKey(homeKey, label, header);
  const sealed = new PackSealer(key).seal(0, header, plaintext);
  key.zero();
  return Buffer.concat([header, sealed]);
}

/** Throws SEAL_BROKEN for another key, label or byte. */
export function openSealedFile(homeKey: Secret, label: string, bytes: Uint8Array): Buffer {
  if (bytes.length < headerBytes + sealTagBytes) throw new Fault('SEAL_BROKEN');
  const reader = new ByteReader(bytes, 'SEAL_BROKEN');
  if (!reader.take(magic.length).equals(magic) || reader.u16() !== version || reader.u16() !== 0) throw new Fault('SEAL_BROKEN');
  const header = Buffer.from(bytes.subarray(0, headerBytes));
  const key = fileKey(homeKey, label, header);
  try {
    return openSealed(key, 0, header, bytes.subarray(headerBytes));
  } finally {
    key.zero();
  }
}

function fileKey(homeKey: Secret, label: string, header: Buffer): Secret {
  return deriveKey(homeKey, 'file-seal', Buffer.from(label, 'utf8'), header);
}
