import assert from 'node:assert/strict';
import { readFileSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sodium from 'libsodium-wrappers';
import { cryptoReady, openSealed, PackSealer, Secret } from '@godwit/crypto';
import { format } from '@godwit/snapshot';
import { chachaPoly, seal, seeded, u64, xchachaPoly } from './bytes.ts';
import { vectorsDir } from './generate.ts';
import { frameOf } from './read.ts';
import { ending, parseVector } from './vector.ts';

/** node:crypto and libsodium share no code: what one seals, the other opens. */
test('sealed by node:crypto, opened by libsodium, and the other way round', async () => {
  await cryptoReady();
  await sodium.ready;
  for (const lengthBytes of [0, 1, 15, 16, 17, 64, 4104, 70_000]) {
    for (const counter of [0, 1, 255, 2 ** 32, 2 ** 40 + 7]) {
      const [key, data, plain] = [seeded('sodium key', 32), seeded('data', 78), seeded(`plain ${lengthBytes}`, lengthBytes)];
      const nonce = Buffer.concat([Buffer.alloc(4), u64(counter)]);
      const ours = new PackSealer(new Secret(key)).seal(counter, data, plain);
      const theirs = Buffer.from(sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plain, data, null, nonce, key));
      assert.ok(ours.equals(theirs) && seal(key, counter, data, plain).equals(theirs));
      assert.ok(Buffer.from(sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, ours, data, nonce, key)).equals(plain));
      assert.ok(openSealed(new Secret(key), counter, data, theirs).equals(plain));
    }
  }
});

test('every good frame of the vectors opens in libsodium, and libsodium seals the same bytes', async () => {
  await cryptoReady();
  await sodium.ready;
  const files = globSync(`frame/good*${ending}`, { cwd: vectorsDir });
  assert.ok(files.length >= 3);
  for (const file of files) {
    const vector = parseVector(file, readFileSync(join(vectorsDir, file)));
    const { key, context, place, kind } = frameOf(vector, vector.body.length);
    const data = Buffer.concat([context, Buffer.alloc(10)]);
    data.writeUInt32BE(place.frameIndex, 68);
    data.writeUInt8(['', 'ram', 'disk', 'device', 'firmware', 'leaf', 'root', 'footer'].indexOf(kind), 72);
    data.writeUInt8(place.compressed ? 1 : 0, 73);
    data.writeUInt32BE(place.plainBytes, 74);
    const nonce = Buffer.concat([Buffer.alloc(4), u64(place.frameIndex)]);
    const stored = Buffer.from(sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, vector.body, data, nonce, key.bytes));
    const again = Buffer.from(sodium.crypto_aead_chacha20poly1305_ietf_encrypt(stored, data, null, nonce, key.bytes));
    assert.ok(again.equals(vector.body), file);
    assert.equal((await format.openFrame(key, context, place, kind, again)).length, place.plainBytes);
  }
});

test('the XChaCha20 of the generator is that of libsodium', async () => {
  await sodium.ready;
  for (const lengthBytes of [0, 32, 100]) {
    const [key, nonce, data, plain] = [seeded('x key', 32), seeded('x nonce', 24), seeded('x data', 20), seeded('x plain', lengthBytes)];
    assert.ok(xchachaPoly(key, nonce, data, plain).equals(Buffer.from(sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, data, null, nonce, key))));
    assert.ok(!chachaPoly(key, nonce.subarray(0, 12), data, plain).equals(xchachaPoly(key, nonce, data, plain)));
  }
});
