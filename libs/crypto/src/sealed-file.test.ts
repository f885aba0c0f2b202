import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '@godwit/base';
import { isSealedFile, openSealedFile, sealFile } from './sealed-file.ts';
import { Secret } from './secrets.ts';

const filled = (byte: number): Secret => new Secret(Buffer.alloc(32, byte));

test('a sealed file is byte for byte what docs/keys.md says', () => {
  const sealed = sealFile(filled(1), 'device.key', Buffer.from('secret'), (n) => Buffer.alloc(n, 7));
  assert.equal(sealed.toString('hex'), '47575345414c45440001000007070707070707070707070707070707070707070707070707070707070707078de8c842ac77769deaa6d1d16198631006fec0961949');
  assert.equal(openSealedFile(filled(1), 'device.key', sealed).toString(), 'secret');
});

test('it opens with its key and its label alone, whole and unchanged', () => {
  const sealed = sealFile(filled(1), 'device.key', Buffer.from('secret'), systemRandom);
  assert.ok(isSealedFile(sealed) && !isSealedFile(Buffer.from('GWDEVICE')));
  assert.equal(sealed.includes('secret'), false);
  assert.throws(() => openSealedFile(filled(2), 'device.key', sealed), { code: 'SEAL_BROKEN' });
  assert.throws(() => openSealedFile(filled(1), 'account.key', sealed), { code: 'SEAL_BROKEN' });
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const flipped = Buffer.from(sealed);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => openSealedFile(filled(1), 'device.key', flipped), { code: 'SEAL_BROKEN' }, `bit ${bit}`);
  }
  for (let lengthBytes = 0; lengthBytes < sealed.length; lengthBytes++) assert.throws(() => openSealedFile(filled(1), 'device.key', sealed.subarray(0, lengthBytes)), { code: 'SEAL_BROKEN' });
});
