import { deepEqual, equal, throws } from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { newId, systemRandom, type DesktopId, type HostId, type OrderId } from '@godwit/base';
import { ARRIVAL_ORDER_BYTES, openArrivalOrder, signArrivalOrder, signerOfArrivalOrder } from './arrival-order.ts';
import { createDevice } from './identity.ts';
import { cryptoReady } from './sodium.ts';

before(cryptoReady);

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const wish = fc.record({ act: fc.constantFrom('ready' as const, 'resume' as const, 'call-off' as const), orderId: id as fc.Arbitrary<OrderId>, desktopId: id as fc.Arbitrary<DesktopId>, to: id as fc.Arbitrary<HostId>, epoch: fc.maxSafeNat(), signedMs: fc.maxSafeNat() });

test('it opens as it was signed, by whoever is named in it', () => {
  const [signer, other] = [createDevice(systemRandom), createDevice(systemRandom)];
  fc.assert(
    fc.property(wish, (order) => {
      const bytes = signArrivalOrder(order, signer);
      equal(bytes.length, ARRIVAL_ORDER_BYTES);
      deepEqual(openArrivalOrder(bytes, signer.signPublic), { ...order, hostId: signer.hostId });
      equal(signerOfArrivalOrder(bytes), signer.hostId);
      throws(() => openArrivalOrder(bytes, other.signPublic), { code: 'SIGNATURE_INVALID' });
    }),
    { numRuns: 50 },
  );
});

test('every flipped bit, every other length and bytes of no one are refused', () => {
  const signer = createDevice(systemRandom);
  const bytes = signArrivalOrder({ act: 'resume', orderId: newId(systemRandom), desktopId: newId(systemRandom), to: newId(systemRandom), epoch: 7, signedMs: 1_750_000_000_000 }, signer);
  const refused = (changed: Uint8Array, what: string): void =>
    throws(() => openArrivalOrder(changed, signer.signPublic), ({ code }: { code?: string }) => code === 'ORDER_INVALID' || code === 'SIGNATURE_INVALID', what);
  for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    refused(flipped, `bit ${bit}`);
  }
  for (let lengthBytes = 0; lengthBytes < bytes.length; lengthBytes += 1) throws(() => openArrivalOrder(bytes.subarray(0, lengthBytes), signer.signPublic), { code: 'ORDER_INVALID' });
  throws(() => openArrivalOrder(Buffer.concat([bytes, Buffer.alloc(1)]), signer.signPublic), { code: 'ORDER_INVALID' });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2 * ARRIVAL_ORDER_BYTES }), (noise) => refused(noise, 'noise')));
});
