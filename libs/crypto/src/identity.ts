import { ByteReader, ByteWriter, Fault, idBytes, idFromBytes, idToBytes, type HostId, type Random } from '@godwit/base';
import { domainHash } from './sha256.ts';
import { Secret } from './secrets.ts';
import { signPublicBytes } from './signature.ts';
import { sodium } from './sodium.ts';

/** A device (= host) as others see it. `hostId` follows from the two keys, so it can't be claimed with others. */
export interface DevicePublic {
  readonly hostId: HostId;
  /** Ed25519, 32 bytes. */
  readonly signPublic: Buffer;
  /** X25519, 32 bytes. */
  readonly boxPublic: Buffer;
}

export interface DeviceSecrets extends DevicePublic {
  /** Ed25519 in libsodium's form: seed || public key, 64 bytes. */
  readonly signSecret: Secret;
  /** X25519, 32 bytes. */
  readonly boxSecret: Secret;
}

export const boxPublicBytes = 32;
const seedBytes = 32;
const boxSecretBytes = 32;

export function createDevice(random: Random): DeviceSecrets {
  return deviceFromSeeds(new Secret(random(seedBytes)), new Secret(random(boxSecretBytes)));
}

/** The key pairs of an Ed25519 seed and an X25519 secret, 32 bytes each. Both are taken over; the seed, which lives on in `signSecret`, is zeroed. */
export function deviceFromSeeds(signSeed: Secret, boxSecret: Secret): DeviceSecrets {
  const pair = sodium.crypto_sign_seed_keypair(signSeed.bytes);
  signSeed.zero();
  const device = deviceFromPublic(pair.publicKey, sodium.crypto_scalarmult_base(boxSecret.bytes));
  return { ...device, signSecret: new Secret(pair.privateKey), boxSecret };
}

/**
 * Throws PUBLIC_KEY_WEAK for keys that no device makes: another length, an X25519 key that is not reduced (a second
 * spelling of the same key) or of small order. A weak Ed25519 key needs no check here: nothing verifies under it.
 */
export function deviceFromPublic(signPublic: Uint8Array, boxPublic: Uint8Array): DevicePublic {
  if (signPublic.length !== signPublicBytes || boxPublic.length !== boxPublicBytes || !isReduced(boxPublic) || isSmallOrder(boxPublic)) {
    throw new Fault('PUBLIC_KEY_WEAK');
  }
  const hostId = idFromBytes<HostId>(domainHash('host-id', signPublic, boxPublic).subarray(0, idBytes));
  return { hostId, signPublic: Buffer.from(signPublic), boxPublic: Buffer.from(boxPublic) };
}

/** Only the public half, for what is sent or kept in the open. */
export function publicOf({ hostId, signPublic, boxPublic }: DevicePublic): DevicePublic {
  return { hostId, signPublic, boxPublic };
}

export function sameDevice(a: DevicePublic, b: DevicePublic): boolean {
  return a.signPublic.equals(b.signPublic) && a.boxPublic.equals(b.boxPublic);
}

const curveModulus = 2n ** 255n - 19n;

function isReduced(boxPublic: Uint8Array): boolean {
  return BigInt(`0x${Buffer.from(boxPublic).reverse().toString('hex')}`) < curveModulus;
}

function isSmallOrder(boxPublic: Uint8Array): boolean {
  try {
    sodium.crypto_scalarmult(Buffer.alloc(boxSecretBytes, 1), boxPublic);
    return false;
  } catch {
    return true;
  }
}

const fileMagic = Buffer.from('GWDEVICE', 'latin1');
const fileVersion = 1;
const checksumBytes = 8;
const fileBytes = fileMagic.length + 4 + idBytes + seedBytes + boxSecretBytes + checksumBytes;

/** The device's secrets as 100 bytes (docs/keys.md). They are NOT sealed: the caller owns their protection and zeroes them. */
export function serialiseDevice(device: DeviceSecrets): Buffer {
  const writer = new ByteWriter(fileBytes).put(fileMagic).u16(fileVersion).u16(0).put(idToBytes(device.hostId));
  writer.put(device.signSecret.bytes.subarray(0, seedBytes)).put(device.boxSecret.bytes);
  return writer.put(domainHash('device-file', writer.finish()).subarray(0, checksumBytes)).finish();
}

/** Throws DEVICE_KEYS_DAMAGED for anything that `serialiseDevice` did not write. */
export function deserialiseDevice(bytes: Uint8Array): DeviceSecrets {
  if (bytes.length !== fileBytes) throw new Fault('DEVICE_KEYS_DAMAGED', { expected: `${fileBytes} bytes`, found: `${bytes.length}` });
  const reader = new ByteReader(bytes, 'DEVICE_KEYS_DAMAGED');
  const header = reader.take(fileMagic.length).equals(fileMagic) && reader.u16() === fileVersion && reader.u16() === 0;
  if (!header) throw new Fault('DEVICE_KEYS_DAMAGED', { expected: `device keys of version ${fileVersion}` });
  const hostId = idFromBytes<HostId>(reader.take(idBytes));
  const signSeed = new Secret(Buffer.from(reader.take(seedBytes)));
  const boxSecret = new Secret(Buffer.from(reader.take(boxSecretBytes)));
  const checked = reader.bytes.subarray(0, reader.offset);
  if (!domainHash('device-file', checked).subarray(0, checksumBytes).equals(reader.take(checksumBytes))) {
    throw new Fault('DEVICE_KEYS_DAMAGED', { expected: 'the checksum of the file' });
  }
  const device = deviceFromSeeds(signSeed, boxSecret);
  if (device.hostId !== hostId) throw new Fault('DEVICE_KEYS_DAMAGED', { expected: `the keys of host ${hostId}`, found: device.hostId });
  return device;
}
