import assert from 'node:assert/strict';
import { createPublicKey, verify as nodeVerify } from 'node:crypto';
import { before, test } from 'node:test';
import { systemRandom } from '@godwit/base';
import { createDevice, cryptoReady, deviceFromSeeds, Secret, sign, signedTypes, verify, type SignedType } from './index.ts';

before(cryptoReady);

const isInvalid = (error: Error & { code?: string }): boolean => error.code === 'SIGNATURE_INVALID' && error.message.startsWith('a signature does not hold');
const body = Buffer.from('body');

test('fixed input gives the frozen signature, and node:crypto agrees', () => {
  const { signSecret, signPublic } = deviceFromSeeds(new Secret(Buffer.alloc(32, 1)), new Secret(Buffer.alloc(32, 2)));
  const signature = sign('manifest', body, signSecret);
  assert.equal(signature.toString('hex'), '91b60c465fc29f6255b4fb590cdae1d7ab8386650ecc5cd8302fd47fea6a08f3b333aca45720a8bb4ecf83b198644250c5ca1a00da3aa4e8d82ebe774804a702');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: signPublic.toString('base64url') }, format: 'jwk' });
  assert.ok(nodeVerify(null, Buffer.from('godwit/v1/manifest\0body'), key, signature));
});

test('a signature of one type is none of any other', () => {
  const { signSecret, signPublic } = createDevice(systemRandom);
  for (const type of signedTypes) {
    const signature = sign(type, body, signSecret);
    for (const other of signedTypes) {
      if (other === type) verify(other, body, signature, signPublic);
      else assert.throws(() => verify(other, body, signature, signPublic), isInvalid);
    }
  }
  assert.throws(() => sign('none' as SignedType, body, signSecret), { code: 'INTERNAL' });
});

test('each flipped bit of signature, body and key; each length; another key; nothing at all', () => {
  const { signSecret, signPublic } = createDevice(systemRandom);
  const signature = sign('grant', body, signSecret);
  const flips = (bytes: Buffer): Buffer[] => Array.from({ length: bytes.length * 8 }, (_, bit) => {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    return flipped;
  });
  for (const flipped of flips(signature)) assert.throws(() => verify('grant', body, flipped, signPublic), isInvalid);
  for (const flipped of flips(body)) assert.throws(() => verify('grant', flipped, signature, signPublic), isInvalid);
  for (const flipped of flips(signPublic)) assert.throws(() => verify('grant', body, signature, flipped), isInvalid);
  for (const lengthBytes of [0, 1, 32, 63]) assert.throws(() => verify('grant', body, signature.subarray(0, lengthBytes), signPublic), isInvalid);
  assert.throws(() => verify('grant', body, Buffer.concat([signature, signature]), signPublic), isInvalid);
  assert.throws(() => verify('grant', body, Buffer.alloc(64), signPublic), isInvalid);
  assert.throws(() => verify('grant', body, signature, createDevice(systemRandom).signPublic), isInvalid);
  assert.throws(() => verify('grant', body, signature, Buffer.alloc(0)), isInvalid);
});

test('a second spelling of a valid signature (S + L) and a key of small order are refused', () => {
  const { signSecret, signPublic } = createDevice(systemRandom);
  const signature = sign('grant', body, signSecret);
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const scalar = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + order;
  const malleated = Buffer.concat([signature.subarray(0, 32), Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()]);
  assert.throws(() => verify('grant', body, malleated, signPublic), isInvalid);
  const identity = Buffer.from(`01${'00'.repeat(31)}`, 'hex');
  assert.throws(() => verify('grant', body, Buffer.concat([identity, Buffer.alloc(32)]), identity), isInvalid);
});
