import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { jsonLog } from '@godwit/base';
import { Secret, zero } from './index.ts';

test('no printed form of a secret holds its bytes', () => {
  const bytes = Buffer.from('correct horse battery staple 123');
  const secret = new Secret(bytes);
  let line = '';
  jsonLog((text) => (line += text)).error('key', { secret, nested: { secret } });
  const forms = [String(secret), JSON.stringify({ secret }), inspect(secret), inspect({ secret }, { showHidden: true, depth: 9 }), line];
  for (const form of forms) {
    assert.match(form, /\[secret\]/);
    assert.doesNotMatch(form, /horse|636f7272|63, 6f|\b99, ?111\b/);
  }
  assert.deepEqual(Object.keys(secret), []);
});

test('a zeroed secret is zero, and refuses to be used', () => {
  const bytes = Buffer.alloc(32, 7);
  const secret = new Secret(bytes);
  assert.ok(secret.equals(new Secret(Buffer.alloc(32, 7))));
  assert.ok(!secret.equals(new Secret(Buffer.alloc(31, 7))));
  secret.zero();
  assert.deepEqual(bytes, Buffer.alloc(32));
  assert.throws(() => secret.bytes, { code: 'INTERNAL' });
  const own = new Uint8Array([1, 2]);
  zero(own);
  assert.deepEqual(own, new Uint8Array(2));
});
