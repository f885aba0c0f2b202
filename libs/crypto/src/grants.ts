import { ByteReader, ByteWriter, Fault, idBytes, idFromBytes, idToBytes, type AccountId, type HostId, type Random } from '@godwit/base';
import { assertOnChain, currentSigner, generationAt, isTrusted, type ChainState } from './device-chain.ts';
import { boxPublicBytes, type DevicePublic, type DeviceSecrets } from './identity.ts';
import { deriveKey } from './kdf.ts';
import { accountKeyBytes, accountKeyCommitment, GENERATION_MAX } from './key-tree.ts';
import { openSealed, PackSealer, sealTagBytes } from './seal.ts';
import { Secret } from './secrets.ts';
import { sha256Bytes } from './sha256.ts';
import { sign, signatureBytes, verify } from './signature.ts';
import { sodium } from './sodium.ts';

/**
 * A grant hands the account key of one generation to one device (or to the recovery keys): boxed to its X25519 key, with
 * account, generation, recipient and the granting device's view of the chain in the signed body. Layout: docs/keys.md, "Grant".
 */
const magic = Buffer.from('gwgr', 'latin1');
const version = 1;
/** 1 = X25519, HKDF-SHA-256, ChaCha20-Poly1305. There is no suite 0 and no reader for one. */
const suite = 1;
const contextBytes = 4 + 1 + 1 + 2 + idBytes + 4 + 4 + sha256Bytes + idBytes + idBytes + boxPublicBytes;
const sealedKeyBytes = accountKeyBytes + sealTagBytes;
export const grantBytes = contextBytes + sealedKeyBytes + signatureBytes;

/** On an older view of the chain nothing is granted: a coordinator that hides a revocation gains at most this. */
export const CHAIN_AGE_MS_MAX = 10 * 60 * 1000;

export interface GrantOrder {
  readonly accountKey: Secret;
  readonly generation: number;
  readonly chain: ChainState;
  /** How long ago the coordinator confirmed `chain` as the newest, in milliseconds on `Clock.bootMs`. */
  readonly chainAgeMs: number;
  readonly to: DevicePublic;
  readonly by: DeviceSecrets;
}

/**
 * Throws GRANT_REFUSED unless `to` and `by` are, key for key, current devices of the chain or its recovery and the
 * generation is one of the chain; CHAIN_STALE when the chain was not confirmed within CHAIN_AGE_MS_MAX.
 */
export function grantAccountKey(order: GrantOrder, random: Random): Buffer {
  const { accountKey, generation, chain, to, by } = order;
  assertMayGrant(order);
  const ephemeralSecret = new Secret(random(boxPublicBytes));
  const ephemeralPublic = sodium.crypto_scalarmult_base(ephemeralSecret.bytes);
  const writer = new ByteWriter(grantBytes).put(magic).u8(version).u8(suite).u16(0).put(idToBytes(chain.accountId)).u32(generation);
  writer.u32(chain.length).put(chain.headHash).put(idToBytes(to.hostId)).put(idToBytes(by.hostId)).put(ephemeralPublic);
  const key = boxKey(ephemeralSecret, to.boxPublic, ephemeralPublic, to.boxPublic);
  writer.put(new PackSealer(key).seal(0, writer.finish(), accountKey.bytes));
  key.zero();
  ephemeralSecret.zero();
  return writer.put(sign('grant', writer.finish(), by.signSecret)).finish();
}

function assertMayGrant({ accountKey, generation, chain, chainAgeMs, to, by }: GrantOrder): void {
  if (accountKey.lengthBytes !== accountKeyBytes) throw new Fault('INTERNAL', { expected: `${accountKeyBytes} bytes of account key` });
  if (!(chainAgeMs >= 0 && chainAgeMs <= CHAIN_AGE_MS_MAX)) {
    throw new Fault('CHAIN_STALE', { expected: `a chain confirmed within ${CHAIN_AGE_MS_MAX / 60_000} minutes`, found: `${chainAgeMs} ms ago` });
  }
  if (!isTrusted(chain, to)) throw new Fault('GRANT_REFUSED', { subject: to.hostId, expected: 'a current device with the keys that the chain names' });
  if (!isTrusted(chain, by)) throw new Fault('GRANT_REFUSED', { subject: by.hostId, expected: 'a granting device that is in the chain' });
  if (!Number.isInteger(generation) || generation < 1 || generation > Math.min(chain.generation, GENERATION_MAX)) {
    throw new Fault('GRANT_REFUSED', { expected: `a generation from 1 to ${chain.generation}`, found: String(generation) });
  }
  if (!isCommitted(chain, accountKey, generation)) throw new Fault('GRANT_REFUSED', { expected: `the account key that the chain commits to for generation ${generation}` });
}

/** Whether the entry that began the generation names this key. */
function isCommitted(chain: ChainState, accountKey: Secret, generation: number): boolean {
  return chain.keyCommitments[generation - 1]?.equals(accountKeyCommitment(accountKey, generation)) === true;
}

export interface OpenedGrant {
  readonly accountKey: Secret;
  readonly generation: number;
}

/**
 * `chain`: replayed and as new as the opener knows it. `generation`: the one that is wanted; an older grant in its place is
 * refused. Throws GRANT_INVALID, one and the same for each cause. Only for a grant that a current device has validly
 * signed, what it says of the chain can be evidence: CHAIN_ROLLED_BACK (entries are hidden from us) or CHAIN_FORKED.
 */
export function openGrant(bytes: Uint8Array, opener: { readonly device: DeviceSecrets; readonly chain: ChainState; readonly generation: number }): OpenedGrant {
  const { device, chain, generation } = opener;
  const grant = verifiedGrant(bytes, chain);
  if (grant.accountId !== chain.accountId) throw new Fault('GRANT_INVALID');
  assertOnChain(chain, { length: grant.chainLength, headHash: grant.chainHeadHash });
  const signerAddedAt = chain.devices.get(grant.signer)?.addedAt ?? 0;
  const fits =
    grant.generation === generation &&
    grant.generation >= 1 &&
    grant.generation <= generationAt(chain, grant.chainLength) &&
    grant.recipient === device.hostId &&
    signerAddedAt < grant.chainLength;
  if (!fits) throw new Fault('GRANT_INVALID');
  try {
    const key = boxKey(device.boxSecret, grant.ephemeralPublic, grant.ephemeralPublic, device.boxPublic);
    const accountKey = new Secret(openSealed(key, 0, grant.context, grant.sealed));
    if (!isCommitted(chain, accountKey, generation)) throw new Fault('GRANT_INVALID');
    return { accountKey, generation };
  } catch {
    throw new Fault('GRANT_INVALID');
  }
}

interface Grant {
  readonly accountId: AccountId;
  readonly generation: number;
  readonly chainLength: number;
  readonly chainHeadHash: Buffer;
  readonly recipient: HostId;
  readonly signer: HostId;
  readonly ephemeralPublic: Buffer;
  readonly context: Buffer;
  readonly sealed: Buffer;
}

/** The fields of a grant that a current device of `chain` signed. */
function verifiedGrant(bytes: Uint8Array, chain: ChainState): Grant {
  if (bytes.length !== grantBytes) throw new Fault('GRANT_INVALID');
  const reader = new ByteReader(Buffer.from(bytes), 'GRANT_INVALID');
  const known = reader.take(magic.length).equals(magic) && reader.u8() === version && reader.u8() === suite && reader.u16() === 0;
  if (!known) throw new Fault('GRANT_INVALID');
  const grant = {
    accountId: idFromBytes<AccountId>(reader.take(idBytes)),
    generation: reader.u32(),
    chainLength: reader.u32(),
    chainHeadHash: reader.take(sha256Bytes),
    recipient: idFromBytes<HostId>(reader.take(idBytes)),
    signer: idFromBytes<HostId>(reader.take(idBytes)),
    ephemeralPublic: reader.take(boxPublicBytes),
    context: reader.bytes.subarray(0, contextBytes),
    sealed: reader.take(sealedKeyBytes),
  };
  const signer = currentSigner(chain, grant.signer);
  if (signer === undefined) throw new Fault('GRANT_INVALID');
  try {
    verify('grant', reader.bytes.subarray(0, reader.offset), reader.take(signatureBytes), signer.signPublic);
  } catch {
    throw new Fault('GRANT_INVALID');
  }
  return grant;
}

/** X25519, then the KDF over the shared secret with both public keys, as in RFC 9180's DHKEM. The key seals one message. */
function boxKey(secret: Secret, peerPublic: Uint8Array, ephemeralPublic: Uint8Array, recipientPublic: Uint8Array): Secret {
  const shared = new Secret(sodium.crypto_scalarmult(secret.bytes, peerPublic));
  const key = deriveKey(shared, 'grant-seal', ephemeralPublic, recipientPublic);
  shared.zero();
  return key;
}
