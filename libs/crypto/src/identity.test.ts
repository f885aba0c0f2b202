import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { Fault, systemRandom } from '@godwit/base';
import { createDevice, cryptoReady, deserialiseDevice, deviceFromPublic, deviceFromSeeds, fingerprint, joinCode, joinWordlist, matchesFingerprint, matchesJoinCode, readJoinWords, Secret, serialiseDevice } from './index.ts';

before(cryptoReady);

const filled = (byte: number): Secret => new Secret(Buffer.alloc(32, byte));
const frozenFile = '4757444556494345000100001fd270cd7840241213a9539e1d6b529901010101010101010101010101010101010101010101010101010101010101010202020202020202020202020202020202020202020202020202020202020202685cf33a94fae524';

test('fixed seeds give the frozen identity, file, join code and fingerprint', () => {
  const device = deviceFromSeeds(filled(1), filled(2));
  assert.equal(device.hostId, '1fd270cd7840241213a9539e1d6b5299');
  assert.equal(serialiseDevice(device).toString('hex'), frozenFile);
  assert.equal(joinCode(device, 'godwit.example'), 'inquiry-dream-shy-away-common-rocket-illness-simple');
  assert.equal(fingerprint(Buffer.alloc(32, 3)), '92330 92402 22362 08249 76712');
});

test('a device comes back from its file, and from nothing else', () => {
  const device = createDevice(systemRandom);
  const file = serialiseDevice(device);
  const again = deserialiseDevice(file);
  assert.equal(again.hostId, device.hostId);
  assert.ok(again.signSecret.equals(device.signSecret) && again.boxSecret.equals(device.boxSecret));
  const isDamaged = (error: unknown): boolean => error instanceof Fault && error.code === 'DEVICE_KEYS_DAMAGED';
  for (let bit = 0; bit < file.length * 8; bit++) {
    const flipped = Buffer.from(file);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => deserialiseDevice(flipped), isDamaged);
  }
  for (let lengthBytes = 0; lengthBytes < file.length; lengthBytes++) assert.throws(() => deserialiseDevice(file.subarray(0, lengthBytes)), isDamaged);
  assert.throws(() => deserialiseDevice(Buffer.concat([file, file])), isDamaged);
  assert.throws(() => deserialiseDevice(serialiseDevice({ ...device, hostId: createDevice(systemRandom).hostId })), isDamaged, 'keys of another host');
});

test('keys that no device makes are refused: lengths, small order, second spellings', () => {
  const { signPublic, boxPublic } = createDevice(systemRandom);
  const weak = { code: 'PUBLIC_KEY_WEAK' };
  const highBit = Buffer.from(boxPublic);
  highBit[31]! |= 0x80;
  const modulus = Buffer.from(`ed${'ff'.repeat(30)}7f`, 'hex');
  const modulusPlusNine = Buffer.from(`f6${'ff'.repeat(30)}7f`, 'hex');
  for (const bad of [Buffer.alloc(32), Buffer.from(`01${'00'.repeat(31)}`, 'hex'), highBit, modulus, modulusPlusNine, boxPublic.subarray(1)]) {
    assert.throws(() => deviceFromPublic(signPublic, bad), weak);
  }
  assert.throws(() => deviceFromPublic(signPublic.subarray(1), boxPublic), weak);
  deviceFromPublic(signPublic, boxPublic);
});

test('a join code is 8 words of 88 bits and forgives typing, not another device or another coordinator', () => {
  const device = createDevice(systemRandom);
  const code = joinCode(device, 'here');
  const words = code.split('-');
  assert.deepEqual([words.length, words.every((word) => joinWordlist.includes(word)), joinWordlist.length ** 8], [8, true, 2 ** 88]);
  assert.ok(matchesJoinCode(code, device, 'here'));
  assert.ok(matchesJoinCode(` ${code.toUpperCase().replaceAll('-', ' – ')} `, device, 'here'));
  assert.ok(matchesJoinCode(words.map((word) => word.slice(0, 4)).join(' '), device, 'here'), 'four letters are enough');
  assert.ok(!matchesJoinCode(code, createDevice(systemRandom), 'here'));
  assert.ok(!matchesJoinCode(code, device, 'there'));
  const other = words.map((word, at) => (at === 7 ? joinWordlist[(joinWordlist.indexOf(word) + 1) % 2048]! : word)).join('-');
  for (const wrong of ['', words.slice(1).join('-'), `${code}-${words[0]!}`, other, ' '.repeat(1e6)]) assert.ok(!matchesJoinCode(wrong, device, 'here'), wrong.slice(0, 100));
});

test('a typed word is one of the list, the only one that begins like it, or none', () => {
  assert.deepEqual(readJoinWords('Able aband ac xylem'), [{ typed: 'able', word: 'able' }, { typed: 'aband', word: 'abandon' }, { typed: 'ac', word: undefined }, { typed: 'xylem', word: undefined }]);
  assert.equal(new Set(joinWordlist.map((word) => word.slice(0, 4))).size, 2048);
});

test('a join code depends on both keys', () => {
  const [a, b] = [createDevice(systemRandom), createDevice(systemRandom)];
  assert.ok(!matchesJoinCode(joinCode(a, ''), deviceFromPublic(a.signPublic, b.boxPublic), ''));
  assert.ok(!matchesJoinCode(joinCode(a, ''), deviceFromPublic(b.signPublic, a.boxPublic), ''));
});

test('a fingerprint is compared by its digits alone', () => {
  const hash = Buffer.alloc(32, 3);
  for (const typed of ['92330 92402 22362 08249 76712', '92330-92402-22362-08249-76712', '9233092402223620824976712']) assert.ok(matchesFingerprint(typed, hash), typed);
  for (const typed of ['', '92330 92402 22362 08249 7671', '92330 92402 22362 08249 76713', ' '.repeat(1e6)]) assert.ok(!matchesFingerprint(typed, hash), typed.slice(0, 40));
});

test('a fingerprint is 25 digits in 5 groups', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (hash) => /^(\d{5} ){4}\d{5}$/.test(fingerprint(hash))));
});
