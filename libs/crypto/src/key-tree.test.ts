import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { parseId, systemRandom, type AccountId, type DesktopId } from '@godwit/base';
import { cryptoReady, deriveKey, epochKeys, manifestKey, newAccountKey, newDesktopKey, openSealed, packKeys, PackSealer, Secret } from './index.ts';
import { accountKeyCommitment, unwrapDesktopKey, wrapDesktopKey, wrappedDesktopKeyBytes, wrappedGenerations } from './index.ts';
import { sodium } from './sodium.ts';

before(cryptoReady);

const accountId = parseId<AccountId>('a0'.repeat(16));
const desktopId = parseId<DesktopId>('d1'.repeat(16));
const otherDesktopId = parseId<DesktopId>('d2'.repeat(16));
const filled = (byte: number): Secret => new Secret(Buffer.alloc(32, byte));
const hex = (secret: Secret): string => secret.bytes.toString('hex');
const isInvalid = { name: 'Fault', code: 'GRANT_INVALID', message: 'a wrapped key is refused (desktop key)' };

test('fixed inputs give the frozen keys', () => {
  const { seal, identify } = epochKeys(filled(1), desktopId, 7);
  const pack = packKeys(seal, Buffer.from('header of a pack'));
  assert.equal(hex(seal), '1fedd28c74da64cf537f054cd8f75ba5017bf73cecf86248e85cede45a1e9d33');
  assert.equal(hex(identify), 'bab52814617048e2ed036927cf17e631871d2a8c036efe50fe85c43661b59f86');
  assert.equal(hex(pack.seal), '1e5e53c454eb0fb6d02de562904605e789847a37eccdef66ee2704f60bd20b5c');
  assert.equal(pack.commitment.toString('hex'), '4dc991f99cb8fcfabcd09b0a1b9a8e968aae328604ccf5bc72d9e2dd9cb00cb3');
  assert.equal(hex(manifestKey(seal, Buffer.from('commit'), Buffer.from('4'))), 'a663b069b440d3e20c06d1e77071019875fe3a430522df990c947327e5b24c03');
});

test('a frozen wrapped desktop key opens, and is written again the same', () => {
  const context = { accountId, accountKey: filled(2), generation: 3, desktopId, keyGeneration: 2 };
  const frozen = Buffer.from('6777646b01010000000300000002090909090909090909090909090909090909090909090909c3a9ca63968c8ea73f8a3280e351e2c08bf0d7e3fb9f2822f88be34761877986ea2cc36c324bae2ef728dd57f9a6e275', 'hex');
  assert.deepEqual(wrapDesktopKey({ ...context, desktopKey: filled(1) }, (n) => Buffer.alloc(n, 9)), frozen);
  assert.equal(frozen.length, wrappedDesktopKeyBytes);
  assert.deepEqual(wrappedGenerations(frozen), { generation: 3, keyGeneration: 2 });
  assert.ok(unwrapDesktopKey(context, frozen).equals(filled(1)));
});

test('every key differs from every other: desktop, epoch, purpose, header', () => {
  const keys = [];
  for (const id of [desktopId, otherDesktopId]) {
    for (const epoch of [0, 1, 256, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const { seal, identify } = epochKeys(filled(1), id, epoch);
      const pack = packKeys(seal, Buffer.from('h'));
      keys.push(hex(seal), hex(identify), hex(pack.seal), pack.commitment.toString('hex'), hex(packKeys(seal, Buffer.from('H')).seal), hex(manifestKey(seal, Buffer.from('h'))));
    }
  }
  assert.equal(new Set(keys).size, keys.length);
  assert.throws(() => epochKeys(filled(1), desktopId, -1), { code: 'VALUE_OUT_OF_RANGE' });
  assert.throws(() => epochKeys(filled(1), desktopId, 2 ** 53), { code: 'VALUE_OUT_OF_RANGE' });
});

test('the border between parts of a derivation is part of it; a context that is too long is refused', () => {
  const of = (...parts: string[]): string => hex(manifestKey(filled(1), ...parts.map((part) => Buffer.from(part))));
  assert.equal(new Set([of(), of(''), of('ab'), of('a', 'b'), of('', 'ab'), of('ab', '')]).size, 6);
  deriveKey(filled(1), 'pack-seal', Buffer.alloc(1000));
  assert.throws(() => deriveKey(filled(1), 'pack-seal', Buffer.alloc(1024)), { code: 'INTERNAL' });
});

test('a wrapped key: each flipped bit, each length, other desktop, account, generation, key: one and the same fault', () => {
  const context = { accountId, accountKey: newAccountKey(systemRandom), generation: 2, desktopId, keyGeneration: 1 };
  const wrapped = wrapDesktopKey({ ...context, desktopKey: newDesktopKey(systemRandom) }, systemRandom);
  for (let bit = 0; bit < wrapped.length * 8; bit++) {
    const flipped = Buffer.from(wrapped);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => unwrapDesktopKey(context, flipped), isInvalid);
  }
  for (let lengthBytes = 0; lengthBytes < wrapped.length; lengthBytes++) {
    assert.throws(() => unwrapDesktopKey(context, wrapped.subarray(0, lengthBytes)), isInvalid);
  }
  assert.throws(() => unwrapDesktopKey(context, Buffer.concat([wrapped, wrapped])), isInvalid);
  assert.throws(() => unwrapDesktopKey({ ...context, desktopId: otherDesktopId }, wrapped), isInvalid);
  assert.throws(() => unwrapDesktopKey({ ...context, accountId: parseId<AccountId>('a1'.repeat(16)) }, wrapped), isInvalid);
  assert.throws(() => unwrapDesktopKey({ ...context, generation: 3 }, wrapped), isInvalid);
  assert.throws(() => unwrapDesktopKey({ ...context, keyGeneration: 2 }, wrapped), isInvalid);
  assert.throws(() => unwrapDesktopKey({ ...context, accountKey: newAccountKey(systemRandom) }, wrapped), isInvalid);
  unwrapDesktopKey(context, wrapped);
});

test('whoever holds all keys of generation n opens nothing that was wrapped under n + 1', () => {
  const old = { accountId, accountKey: newAccountKey(systemRandom), generation: 1, desktopId, keyGeneration: 1 };
  const current = { ...old, accountKey: newAccountKey(systemRandom), generation: 2, keyGeneration: 2 };
  const oldDesktopKey = newDesktopKey(systemRandom);
  const desktopKey = newDesktopKey(systemRandom);
  const wrapped = wrapDesktopKey({ ...current, desktopKey }, systemRandom);
  const page = new PackSealer(packKeys(epochKeys(desktopKey, desktopId, 5).seal, Buffer.from('header')).seal).seal(0, Buffer.from('frame 0'), Buffer.from('page'));

  assert.throws(() => unwrapDesktopKey(old, wrapped), isInvalid);
  assert.throws(() => unwrapDesktopKey({ ...old, generation: 2 }, wrapped), isInvalid, 'the old account key under the new number');
  const renumbered = Buffer.from(wrapped);
  renumbered.writeUInt32BE(1, 6);
  assert.throws(() => unwrapDesktopKey(old, renumbered), isInvalid, 'the new wrapping under the old number');
  for (const epoch of [4, 5, 6]) {
    const stale = packKeys(epochKeys(oldDesktopKey, desktopId, epoch).seal, Buffer.from('header')).seal;
    assert.throws(() => openSealed(stale, 0, Buffer.from('frame 0'), page), { code: 'SEAL_BROKEN' });
  }
  const opened = unwrapDesktopKey(current, wrapped);
  const fresh = packKeys(epochKeys(opened, desktopId, 5).seal, Buffer.from('header')).seal;
  assert.equal(openSealed(fresh, 0, Buffer.from('frame 0'), page).toString(), 'page');
});

test('what an account key of an older generation wraps never passes for a desktop key of a later one', () => {
  const leaked = { accountId, accountKey: newAccountKey(systemRandom), generation: 1, desktopId };
  assert.throws(() => wrapDesktopKey({ ...leaked, keyGeneration: 2, desktopKey: newDesktopKey(systemRandom) }, systemRandom), { code: 'INTERNAL' });
  const associated = Buffer.concat([Buffer.from('godwit/v1/desktop-key\0\x01\x01', 'latin1'), Buffer.from(accountId + desktopId, 'hex').subarray(0, 32), Buffer.from('0000000100000002', 'hex')]);
  const nonce = systemRandom(24);
  const forged = Buffer.concat([
    Buffer.from('6777646b01010000000100000002', 'hex'),
    nonce,
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(Buffer.alloc(32, 6), associated, null, nonce, leaked.accountKey.bytes),
  ]);
  assert.throws(() => unwrapDesktopKey({ ...leaked, keyGeneration: 2 }, forged), isInvalid);
});

test('an account key has one commitment per generation, which is none of another key', () => {
  const of = (byte: number, generation: number): string => accountKeyCommitment(filled(byte), generation).toString('hex');
  assert.equal(new Set([of(1, 1), of(1, 2), of(2, 1), of(2, 2), hex(filled(1))]).size, 5);
  assert.equal(of(1, 1), of(1, 1));
});
