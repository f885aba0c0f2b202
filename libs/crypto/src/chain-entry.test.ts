import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { Fault, parseId, printable, type AccountId } from '@godwit/base';
import { checkDeviceName, cryptoReady, decodeEntry, deviceFromSeeds, encodeEntry, ENTRY_BYTES_MAX, entryBody, recoveryFromWords, replayChain, Secret } from './index.ts';
import { sign, signAdd, signGenesis, signRevoke, type DeviceSecrets } from './index.ts';

before(cryptoReady);

const filled = (byte: number): Secret => new Secret(Buffer.alloc(32, byte));
const recoveryOf = (): DeviceSecrets => recoveryFromWords(`${'abandon '.repeat(23)}art`);
const device1Of = (): DeviceSecrets => deviceFromSeeds(filled(1), filled(2));
const device2Of = (): DeviceSecrets => deviceFromSeeds(filled(3), filled(4));

/** Made with node:crypto alone, laid out by hand. */
const frozen = {
  genesis: '6777636501010000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000018bcfe5680040dd2d61448af2e40883eeb28f211d5e54fc26f0b7c45902ee11537be4e326fb54bb87e93334095b299eacf6890ffccd0b8a112d00fb0056e4e6fc3b35171107715705c345b99757f8673b01aaa5ba446ea14bb1c3af4e38efcef94ad52bbd7f9b31ed162924c3e69bfc24ea4d269dd28a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5cce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d59086c6170746f702d61c6d612c7df681b4f0930eebffe9091abcde13dd39e9602c9e76305bfb6a8f6715af55b1f65d3350d5cc0a4a22a85b089e4bf0d91ebde1063d30739b5b6a78e05',
  add: '67776365010200007967a68ee3d8e1848d5d5b2e840369e90000000113345025f8b388dfcb44d53c2dff43cd2a6770589efc1075ad37658995872d220000018bcfe56be81fd270cd7840241213a9539e1d6b5299ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1ac01b2209e86354fb853237b5de0f4fab13c7fcbf433a61c019369617fecf10b0542c3bc726f3dce79c050abc450984970a577dae37b813afbd8c874b59b3d3f544509996d7634c04155a80f2f530b2308df8a65dbbc4675909fa2184e417c47523e6fadf903',
  revoke: '67776365010300007967a68ee3d8e1848d5d5b2e840369e900000002d73ee7db19bd394ca9ae9f6a2c941d2bf4a942ce8c92e0884c80f7a2ab3d2b4f0000018bcfe56fd04b90d53a1afc42ecd49ede7b557ccf071fd270cd7840241213a9539e1d6b5299548acb633c5b9bbbf363ba29c83593baff5791f6ba33adc80a6021727add60ce505c6ef0724f2bfe80647f2e6cba39e55575b2e7db4613ee6dbff5a453a0c3c3ef24b877e9787fcf05797c38dfc4eb304b52e942f8576b01d6c2e9f96d8bd109',
};
const frozenChain = (): Buffer[] => Object.values(frozen).map((hex) => Buffer.from(hex, 'hex'));

test('a frozen chain replays, and is written again the same', () => {
  const [genesis, add, revoke] = frozenChain() as [Buffer, Buffer, Buffer];
  const state = replayChain([genesis, add, revoke]);
  assert.equal(state.accountId, '7967a68ee3d8e1848d5d5b2e840369e9');
  assert.equal(state.headHash.toString('hex'), '13ad5fbd8e4d6f1354f774125c947adf4a34c2452e764d2edc7fc9f8e44defec');
  assert.deepEqual([state.length, state.generation], [3, 2]);
  assert.deepEqual([...state.devices.values()].map(({ name, addedAt, revokedAt }) => [name, addedAt, revokedAt]), [['laptop-a', 0, 2], ['Büro', 1, undefined]]);

  const [recovery, device, other] = [recoveryOf(), device1Of(), device2Of()];
  assert.deepEqual(signGenesis({ recovery, accountKey: filled(0x29), device, name: 'laptop-a', createdMs: 1_700_000_000_000 }), genesis);
  assert.deepEqual(signAdd(replayChain([genesis]), { device: other, name: 'Büro', signer: device, createdMs: 1_700_000_001_000 }), add);
  assert.deepEqual(signRevoke(replayChain([genesis, add]), { subject: device.hostId, accountKey: filled(0x2a), signer: other, createdMs: 1_700_000_002_000 }), revoke);
});

test('decode and encode are inverse', () => {
  for (const bytes of frozenChain()) {
    const { entry, body, signature } = decodeEntry(bytes);
    assert.deepEqual(encodeEntry(entry, signature), bytes);
    assert.deepEqual(entryBody(entry), body);
  }
});

test('every bit of every entry counts: a flip anywhere in a valid chain is refused', () => {
  const chain = frozenChain();
  replayChain(chain);
  for (const [position, bytes] of chain.entries()) {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => replayChain(chain.with(position, flipped)), (error) => error instanceof Fault && error.code !== 'INTERNAL', `entry ${position}, bit ${bit}`);
    }
  }
});

test('every truncation and every tail is refused as malformed', () => {
  for (const bytes of frozenChain()) {
    for (let lengthBytes = 0; lengthBytes < bytes.length; lengthBytes++) {
      assert.throws(() => decodeEntry(bytes.subarray(0, lengthBytes)), { code: 'CHAIN_ENTRY_INVALID' });
    }
    assert.throws(() => decodeEntry(Buffer.concat([bytes, Buffer.alloc(1)])), { code: 'CHAIN_ENTRY_INVALID' });
    assert.throws(() => decodeEntry(Buffer.concat([bytes, Buffer.alloc(ENTRY_BYTES_MAX)])), { code: 'CHAIN_ENTRY_INVALID' });
  }
});

test('whatever decodes has one encoding, and everything else is a typed fault (random and mutated bytes)', () => {
  const seeds = fc.constantFrom(...frozenChain());
  const splice = fc.tuple(seeds, fc.nat(400), fc.nat(40), fc.uint8Array({ maxLength: 40 }));
  const mutated = splice.map(([bytes, start, cutBytes, put]) => Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(start + cutBytes)]));
  const led = fc.uint8Array({ maxLength: 450 }).map((tail) => Buffer.concat([Buffer.from('6777636501', 'hex'), tail]));
  fc.assert(
    fc.property(fc.oneof(mutated, led, fc.uint8Array({ maxLength: 450 })), (bytes) => {
      try {
        const { entry, signature } = decodeEntry(bytes);
        assert.deepEqual(encodeEntry(entry, signature), Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof Fault && (error.code === 'CHAIN_ENTRY_INVALID' || error.code === 'PUBLIC_KEY_WEAK'), String(error));
      }
    }),
    { numRuns: 3000 },
  );
});

test('an entry that is validly signed but not canonical is refused all the same', () => {
  const device = device1Of();
  const genesis = Buffer.from(frozen.genesis, 'hex');
  const add = decodeEntry(Buffer.from(frozen.add, 'hex')).body;
  const malformed: Record<string, Buffer> = {
    'reserved bytes': Buffer.concat([add.subarray(0, 6), Buffer.from([0, 1]), add.subarray(8)]),
    'version 0': Buffer.concat([add.subarray(0, 4), Buffer.from([0]), add.subarray(5)]),
    'version 2': Buffer.concat([add.subarray(0, 4), Buffer.from([2]), add.subarray(5)]),
    'kind 0': Buffer.concat([add.subarray(0, 5), Buffer.from([0]), add.subarray(6)]),
    'kind 4': Buffer.concat([add.subarray(0, 5), Buffer.from([4]), add.subarray(6)]),
    'a time of 2^53': Buffer.concat([add.subarray(0, 60), Buffer.from('0020000000000000', 'hex'), add.subarray(68)]),
    'a long spelling in UTF-8': Buffer.concat([add.subarray(0, 148), Buffer.from([2, 0xc1, 0x81])]),
    'a byte order mark': Buffer.concat([add.subarray(0, 148), Buffer.from([4, 0xef, 0xbb, 0xbf, 0x41])]),
    'half a surrogate': Buffer.concat([add.subarray(0, 148), Buffer.from([3, 0xed, 0xa0, 0x80])]),
    'an escape sequence': Buffer.concat([add.subarray(0, 148), Buffer.from('\x05a\x1b[2J', 'latin1')]),
    'an empty name': Buffer.concat([add.subarray(0, 148), Buffer.from([0])]),
    'a name of 65 bytes': Buffer.concat([add.subarray(0, 148), Buffer.from([65]), Buffer.alloc(65, 0x61)]),
    'no account': Buffer.concat([add.subarray(0, 8), Buffer.alloc(16), add.subarray(24)]),
  };
  for (const [what, body] of Object.entries(malformed)) {
    const bytes = Buffer.concat([body, sign('chain-entry', body, device.signSecret)]);
    assert.throws(() => replayChain([genesis, bytes]), { code: 'CHAIN_ENTRY_INVALID' }, what);
  }
  for (const what of ['a long spelling in UTF-8', 'half a surrogate']) {
    assert.throws(() => decodeEntry(Buffer.concat([malformed[what]!, Buffer.alloc(64)])), { code: 'CHAIN_ENTRY_INVALID', expected: 'a name in UTF-8' });
  }
  const good = Buffer.concat([add.subarray(0, 148), Buffer.from([1, 0x41])]);
  assert.equal(replayChain([genesis, Buffer.concat([good, sign('chain-entry', good, device.signSecret)])]).length, 2);
});

test('a name that is taken prints as it is; control characters and half surrogates are refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), (name) => {
      try {
        assert.equal(printable(checkDeviceName(name)), name);
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === 'VALUE_OUT_OF_RANGE', String(error));
      }
    }),
  );
  for (const name of ['', '\n', 'a\u202eb', '\ud800', 'x'.repeat(65), '\u200b', 'a\u0085']) assert.throws(() => checkDeviceName(name), { code: 'VALUE_OUT_OF_RANGE' });
  for (const name of ['a', 'Büro', '仕事', '😀', 'x'.repeat(64)]) assert.equal(checkDeviceName(name), name);
});

test('an entry with a time that is none is refused before it is signed', () => {
  const { entry } = decodeEntry(Buffer.from(frozen.revoke, 'hex'));
  for (const createdMs of [1.5, -1, 2 ** 53, Number.NaN]) assert.throws(() => entryBody({ ...entry, createdMs }), { code: 'VALUE_OUT_OF_RANGE' });
  assert.throws(() => entryBody({ ...entry, accountId: 'x' as AccountId }), { code: 'VALUE_OUT_OF_RANGE' });
  if (entry.kind === 'revoke') assert.throws(() => entryBody({ ...entry, keyCommitment: Buffer.alloc(31) }), { code: 'INTERNAL' });
  parseId(entry.accountId);
});
