import { deepEqual, equal, throws } from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { newId, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice } from './identity.ts';
import { OFFLINE_POLICY_BYTES, openOfflinePolicy, signerOfOfflinePolicy, signOfflinePolicy } from './offline-policy.ts';
import { cryptoReady } from './sodium.ts';

before(cryptoReady);

const wish = fc.record({ desktopId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex') as DesktopId), signedMs: fc.maxSafeNat(), mode: fc.constantFrom('keep' as const, 'stop' as const) });

test('it opens as it was signed, by whoever is named in it', () => {
  const [signer, other] = [createDevice(systemRandom), createDevice(systemRandom)];
  fc.assert(
    fc.property(wish, (policy) => {
      const bytes = signOfflinePolicy(policy, signer);
      equal(bytes.length, OFFLINE_POLICY_BYTES);
      deepEqual(openOfflinePolicy(bytes, signer.signPublic), { ...policy, hostId: signer.hostId });
      equal(signerOfOfflinePolicy(bytes), signer.hostId);
      throws(() => openOfflinePolicy(bytes, other.signPublic), { code: 'SIGNATURE_INVALID' });
    }),
  );
});

test('each field is under the signature: a policy that differs in one has other bytes', () => {
  const signer = createDevice(systemRandom);
  fc.assert(
    fc.property(wish, wish, fc.constantFrom('desktopId', 'signedMs', 'mode'), (one, other, field) => {
      const changed = { ...one, [field]: other[field] };
      equal(signOfflinePolicy(one, signer).equals(signOfflinePolicy(changed, signer)), one[field] === other[field]);
      equal(signOfflinePolicy(one, signer).equals(signOfflinePolicy(one, createDevice(systemRandom))), false);
    }),
    { numRuns: 50 },
  );
});

test('every flipped bit, every other length and bytes of no one are refused', () => {
  const signer = createDevice(systemRandom);
  const bytes = signOfflinePolicy({ desktopId: newId(systemRandom), signedMs: 1_750_000_000_000, mode: 'stop' }, signer);
  const refused = (changed: Uint8Array, what: string): void =>
    throws(() => openOfflinePolicy(changed, signer.signPublic), ({ code }: { code?: string }) => code === 'POLICY_INVALID' || code === 'SIGNATURE_INVALID', what);
  for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    refused(flipped, `bit ${bit}`);
  }
  for (let lengthBytes = 0; lengthBytes < bytes.length; lengthBytes += 1) throws(() => openOfflinePolicy(bytes.subarray(0, lengthBytes), signer.signPublic), { code: 'POLICY_INVALID' });
  throws(() => openOfflinePolicy(Buffer.concat([bytes, Buffer.alloc(1)]), signer.signPublic), { code: 'POLICY_INVALID' });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2 * OFFLINE_POLICY_BYTES }), (noise) => refused(noise, 'noise')));
});
