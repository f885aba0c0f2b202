/** Bytes for the generator of the vectors: written from docs/format.md and docs/keys.md alone, with nothing of libs/. */
import { createCipheriv, createHash, createPrivateKey, createPublicKey, diffieHellman, hkdfSync, sign as signBytes } from 'node:crypto';

export type Fields = Readonly<Record<string, Buffer>>;

export const u8 = (value: number): Buffer => Buffer.of(value);
export const u16 = (value: number): Buffer => unsigned(BigInt(value), 2);
export const u32 = (value: number): Buffer => unsigned(BigInt(value), 4);
export const u64 = (value: number | bigint): Buffer => unsigned(BigInt(value), 8);
export const text = (value: string): Buffer => Buffer.from(value, 'utf8');
export const hex = (value: string): Buffer => Buffer.from(value, 'hex');
export const join = (...parts: Buffer[]): Buffer => Buffer.concat(parts);
export const sha256 = (...parts: Buffer[]): Buffer => createHash('sha256').update(join(...parts)).digest();
/** Bytes that look random and follow from their name. */
export const seeded = (name: string, lengthBytes: number): Buffer =>
  join(...Array.from({ length: Math.ceil(lengthBytes / 32) }, (_, at) => sha256(text(`godwit vectors/${name}/${at}`)))).subarray(0, lengthBytes);

function unsigned(value: bigint, lengthBytes: number): Buffer {
  return hex(value.toString(16).padStart(lengthBytes * 2, '0'));
}

/** All fields in their order, those in `changes` with other bytes. */
export function lay(fields: Fields, changes: Fields = {}): Buffer {
  for (const name of Object.keys(changes)) if (fields[name] === undefined) throw new Error(`no field ${name}`);
  return join(...Object.values({ ...fields, ...changes }));
}

/** `bytes` with the byte at `at` (from the end when negative) flipped. */
export function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const place = at < 0 ? copy.length + at : at;
  copy[place] = copy[place]! ^ 1;
  return copy;
}

export function kdf(key: Buffer, domain: string, ...parts: Buffer[]): Buffer {
  const info = join(u8(domain.length), text(domain), ...parts.flatMap((part) => [u32(part.length), part]));
  return Buffer.from(hkdfSync('sha256', key, 'godwit/v1/kdf', info, 32));
}

export function domainHash(domain: string, ...parts: Buffer[]): Buffer {
  return sha256(text(`godwit/v1/${domain}\0`), ...parts);
}

/** ChaCha20-Poly1305 with `nonce` of 12 bytes, the tag after the ciphertext. */
export function chachaPoly(key: Buffer, nonce: Buffer, associatedData: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  cipher.setAAD(associatedData, { plaintextLength: plain.length });
  return join(cipher.update(plain), cipher.final(), cipher.getAuthTag());
}

export function seal(key: Buffer, counter: number, associatedData: Buffer, plain: Buffer): Buffer {
  return chachaPoly(key, join(Buffer.alloc(4), u64(counter)), associatedData, plain);
}

/** XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): a subkey from HChaCha20 of the first 16 bytes of the nonce. */
export function xchachaPoly(key: Buffer, nonce: Buffer, associatedData: Buffer, plain: Buffer): Buffer {
  return chachaPoly(hchacha(key, nonce.subarray(0, 16)), join(Buffer.alloc(4), nonce.subarray(16)), associatedData, plain);
}

/** ChaCha20's rounds without the final addition (RFC 8439, section 2.3, and the XChaCha draft, section 2.2). */
function hchacha(key: Buffer, nonce: Buffer): Buffer {
  const input = join(text('expand 32-byte k'), key, nonce);
  const state = Uint32Array.from({ length: 16 }, (_, at) => input.readUInt32LE(at * 4));
  const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));
  const mix = (a: number, b: number, c: number, d: number): void => {
    for (const [first, second, target, bits] of [[a, b, d, 16], [c, d, b, 12], [a, b, d, 8], [c, d, b, 7]] as const) {
      state[first] = state[first]! + state[second]!;
      state[target] = rotate(state[target]! ^ state[first], bits);
    }
  };
  for (let round = 0; round < 10; round += 1) {
    for (const at of [0, 1, 2, 3]) mix(at, at + 4, at + 8, at + 12);
    for (const at of [0, 1, 2, 3]) mix(at, 4 + ((at + 1) % 4), 8 + ((at + 2) % 4), 12 + ((at + 3) % 4));
  }
  const output = Buffer.alloc(32);
  for (const at of [0, 1, 2, 3]) {
    output.writeUInt32LE(state[at]!, at * 4);
    output.writeUInt32LE(state[at + 12]!, 16 + at * 4);
  }
  return output;
}

export interface Device {
  readonly signSeed: Buffer;
  readonly boxSecret: Buffer;
  readonly signPublic: Buffer;
  readonly boxPublic: Buffer;
  readonly hostId: Buffer;
}

// PKCS #8 and SubjectPublicKeyInfo of RFC 8410: a fixed head, then 32 bytes.
const privateHead = { ed25519: '302e020100300506032b657004220420', x25519: '302e020100300506032b656e04220420' };
const boxPublicHead = '302a300506032b656e032100';

function privateKey(kind: keyof typeof privateHead, secret: Buffer): ReturnType<typeof createPrivateKey> {
  return createPrivateKey({ key: join(hex(privateHead[kind]), secret), format: 'der', type: 'pkcs8' });
}

export function device(signSeed: Buffer, boxSecret: Buffer): Device {
  const publicOf = (kind: keyof typeof privateHead, secret: Buffer): Buffer => createPublicKey(privateKey(kind, secret)).export({ format: 'der', type: 'spki' }).subarray(-32);
  const [signPublic, boxPublic] = [publicOf('ed25519', signSeed), publicOf('x25519', boxSecret)];
  return { signSeed, boxSecret, signPublic, boxPublic, hostId: domainHash('host-id', signPublic, boxPublic).subarray(0, 16) };
}

export function sign(type: string, body: Buffer, { signSeed }: Pick<Device, 'signSeed'>): Buffer {
  return signBytes(null, join(text(`godwit/v1/${type}\0`), body), privateKey('ed25519', signSeed));
}

export function sharedSecret(boxSecret: Buffer, peerPublic: Buffer): Buffer {
  return diffieHellman({ privateKey: privateKey('x25519', boxSecret), publicKey: createPublicKey({ key: join(hex(boxPublicHead), peerPublic), format: 'der', type: 'spki' }) });
}

/** A piece of a zstd frame's content: bytes as they are, or one byte many times. */
export type ZstdBlock = Buffer | { readonly fill: number; readonly count: number };

/** A zstd frame by hand (RFC 8878): single segment, four bytes of length, raw and run-length blocks. */
export function zstd(blocks: readonly ZstdBlock[], changes: Fields = {}): Buffer {
  const lengthOf = (block: ZstdBlock): number => (Buffer.isBuffer(block) ? block.length : block.count);
  const contentBytes = blocks.reduce((sum, block) => sum + lengthOf(block), 0);
  const bodies = blocks.map((block, at) => {
    const header = Buffer.alloc(3);
    header.writeUIntLE((lengthOf(block) << 3) | (Buffer.isBuffer(block) ? 0 : 2) | (at === blocks.length - 1 ? 1 : 0), 0, 3);
    return join(header, Buffer.isBuffer(block) ? block : u8(block.fill));
  });
  const content = Buffer.alloc(4);
  content.writeUInt32LE(contentBytes);
  return lay({ magic: hex('28b52ffd'), descriptor: u8(0xa0), window: Buffer.alloc(0), content, blocks: join(...bodies), check: Buffer.alloc(0) }, changes);
}
