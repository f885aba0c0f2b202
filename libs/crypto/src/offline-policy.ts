import { ByteReader, ByteWriter, Fault, idBytes, idFromBytes, idToBytes, type DesktopId, type HostId } from '@godwit/base';
import type { DeviceSecrets } from './identity.ts';
import { sign, signatureBytes, verify } from './signature.ts';

/**
 * Whether a desktop may run on where its coordinator is out of reach, as its user signed it: the coordinator can neither make a strict
 * desktop lenient nor the other way round. Layout: docs/keys.md, "Offline policy".
 */
export interface OfflinePolicy {
  readonly desktopId: DesktopId;
  /** Who signed it. */
  readonly hostId: HostId;
  /** The signer's clock; of two policies the later one counts. */
  readonly signedMs: number;
  /** `keep`: it runs on. `stop`: it has a lease that ends, and ends with it. */
  readonly mode: 'keep' | 'stop';
}

const magic = Buffer.from('gwop', 'latin1');
const version = 1;
const modes = ['keep', 'stop'] as const;
export const OFFLINE_POLICY_BYTES = 4 + 1 + 1 + 2 * idBytes + 8 + signatureBytes;

export function signOfflinePolicy(wish: Omit<OfflinePolicy, 'hostId'>, by: DeviceSecrets): Buffer {
  const body = new ByteWriter(OFFLINE_POLICY_BYTES).put(magic).u8(version).u8(modes.indexOf(wish.mode)).put(idToBytes(wish.desktopId)).put(idToBytes(by.hostId)).u64(wish.signedMs).finish();
  return Buffer.concat([body, sign('offline-policy', body, by.signSecret)]);
}

/** Who claims to have signed it, unchecked: to find the key to check it with. Throws POLICY_INVALID. */
export function signerOfOfflinePolicy(bytes: Uint8Array): HostId {
  return parse(bytes).policy.hostId;
}

/** Throws POLICY_INVALID for what `signOfflinePolicy` did not write, SIGNATURE_INVALID unless it is by the owner of `signPublic`. */
export function openOfflinePolicy(bytes: Uint8Array, signPublic: Uint8Array): OfflinePolicy {
  const { policy, body, signature } = parse(bytes);
  verify('offline-policy', body, signature, signPublic);
  return policy;
}

function parse(bytes: Uint8Array): { policy: OfflinePolicy; body: Buffer; signature: Buffer } {
  if (bytes.length !== OFFLINE_POLICY_BYTES) throw new Fault('POLICY_INVALID', { expected: `${OFFLINE_POLICY_BYTES} bytes`, found: `${bytes.length}` });
  const reader = new ByteReader(Buffer.from(bytes), 'POLICY_INVALID');
  if (!reader.take(magic.length).equals(magic) || reader.u8() !== version) throw new Fault('POLICY_INVALID', { expected: `an offline policy of version ${version}` });
  const mode = modes[reader.u8()];
  if (mode === undefined) throw new Fault('POLICY_INVALID', { expected: modes.join(' or ') });
  const policy = { mode, desktopId: idFromBytes<DesktopId>(reader.take(idBytes)), hostId: idFromBytes<HostId>(reader.take(idBytes)), signedMs: reader.u53() };
  return { policy, body: reader.bytes.subarray(0, reader.offset), signature: reader.take(signatureBytes) };
}
