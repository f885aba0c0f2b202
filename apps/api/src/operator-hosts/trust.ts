import type { HostId } from '@godwit/base';
import { decodeEntry } from '@godwit/crypto';
import type { TrustEntry } from '@godwit/wire';

/** Who let whom in and who put whom out, from the encoded entries of a device chain: all of them, in order. Its signatures were verified when it grew. */
export function trustEntries(chain: readonly Uint8Array[]): TrustEntry[] {
  const names = new Map<HostId, string>();
  return chain.map((bytes) => {
    const { entry } = decodeEntry(bytes);
    if (entry.kind !== 'revoke') names.set(entry.device.hostId, entry.name);
    const subject = entry.kind === 'revoke' ? entry.subject : entry.device.hostId;
    const signer = names.get(entry.signer);
    // Who signs and is no device is the recovery key. The signer of an entry that adds it, a genesis, is that too.
    const by = entry.kind === 'genesis' || signer === undefined ? null : { hostId: entry.signer, name: signer };
    return { position: entry.sequence, kind: entry.kind, by, device: { hostId: subject, name: names.get(subject) ?? subject }, timeMs: entry.createdMs };
  });
}
