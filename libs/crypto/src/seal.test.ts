import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '@godwit/base';
import { cryptoReady, openSealed, PackSealer, plainLength, sealedLength, Secret } from './index.ts';
import { sodium } from './sodium.ts';

before(cryptoReady);

const key = (): Secret => new Secret(Buffer.alloc(32, 0x42));
const context = Buffer.from('desktop 1, epoch 2, pack 3');
const isBroken = { name: 'Fault', code: 'SEAL_BROKEN', message: 'sealed bytes do not open' };

function nonceOf(counter: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(counter), 4);
  return nonce;
}

test('fixed input gives the frozen bytes', () => {
  const sealed = new PackSealer(key()).seal(7, context, Buffer.from('a page of a guest'));
  assert.equal(sealed.toString('hex'), '7247883b47a48c3c4546294de918b25f15f4b6ea86faa7f04c2dcd99d3dcfb8639');
});


test('node:crypto and libsodium seal to the same bytes and open each other', () => {
  const cases = fc.tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.maxSafeNat(), fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 5000 }));
  fc.assert(
    fc.property(cases, ([keyBytes, counter, associatedData, plaintext]) => {
      const sealed = new PackSealer(new Secret(keyBytes)).seal(counter, associatedData, plaintext);
      const other = sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, associatedData, null, nonceOf(counter), keyBytes);
      assert.deepEqual(sealed, Buffer.from(other));
      assert.deepEqual(Buffer.from(sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, associatedData, nonceOf(counter), keyBytes)), Buffer.from(plaintext));
      assert.deepEqual(openSealed(new Secret(keyBytes), counter, associatedData, other), Buffer.from(plaintext));
    }),
    { numRuns: 200 },
  );
});

test('lengths at the edges', () => {
  for (const lengthBytes of [0, 1, 15, 16, 17, 63, 64, 65, 4096, 262_144]) {
    const plaintext = Buffer.alloc(lengthBytes, 0xa5);
    const sealed = new PackSealer(key()).seal(0, context, plaintext);
    assert.equal(sealed.length, sealedLength(lengthBytes));
    assert.equal(plainLength(sealed.length), lengthBytes);
    assert.deepEqual(openSealed(key(), 0, context, sealed), plaintext);
  }
});

test('each flipped bit, each truncation, other context, counter and key: one and the same fault', () => {
  const sealed = new PackSealer(key()).seal(3, context, Buffer.from('secret page'));
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const flipped = Buffer.from(sealed);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => openSealed(key(), 3, context, flipped), isBroken);
  }
  for (let lengthBytes = 0; lengthBytes < sealed.length; lengthBytes++) {
    assert.throws(() => openSealed(key(), 3, context, sealed.subarray(0, lengthBytes)), isBroken);
  }
  assert.throws(() => openSealed(key(), 3, context, Buffer.concat([sealed, Buffer.alloc(1)])), isBroken);
  assert.throws(() => openSealed(key(), 4, context, sealed), isBroken);
  assert.throws(() => openSealed(key(), -1, context, sealed), isBroken);
  assert.throws(() => openSealed(key(), 3, Buffer.from('desktop 1, epoch 3, pack 3'), sealed), isBroken);
  assert.throws(() => openSealed(new Secret(Buffer.alloc(32, 0x43)), 3, context, sealed), isBroken);
});

test('a counter that was used, a smaller one and one that is none are refused; a larger one goes on', () => {
  const sealer = new PackSealer(key());
  sealer.seal(5, context, Buffer.alloc(1));
  for (const counter of [5, 4, 0, -1, 5.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => sealer.seal(counter, context, Buffer.alloc(1)), (error) => error instanceof Fault && error.code === 'INTERNAL');
  }
  sealer.seal(6, context, Buffer.alloc(1));
  sealer.seal(100, context, Buffer.alloc(1));
});

test('a key of another length is refused', () => {
  assert.throws(() => new PackSealer(new Secret(Buffer.alloc(31))), { code: 'INTERNAL' });
});

test('sealing into a larger buffer touches its own bytes only, and refuses to write past the end', () => {
  const target = Buffer.alloc(40, 0xee);
  assert.equal(new PackSealer(key()).sealInto(3, context, Buffer.from('page'), target, 10), 20);
  assert.deepEqual(target.subarray(0, 10), Buffer.alloc(10, 0xee));
  assert.deepEqual(target.subarray(30), Buffer.alloc(10, 0xee));
  assert.deepEqual(target.subarray(10, 30), new PackSealer(key()).seal(3, context, Buffer.from('page')));
  for (const offset of [-1, 21, 40]) assert.throws(() => new PackSealer(key()).sealInto(3, context, Buffer.from('page'), target, offset), { code: 'INTERNAL' });
});
