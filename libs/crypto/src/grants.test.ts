import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { ByteWriter, Fault, idToBytes, newId, systemRandom, type AccountId, type DesktopId, type HostId } from '@godwit/base';
import { CHAIN_AGE_MS_MAX, createDevice, createRecovery, cryptoReady, deriveKey, deviceFromSeeds, grantAccountKey, grantBytes, newAccountKey, openGrant } from './index.ts';
import { newDesktopKey, recoveryFromWords, replayChain, Secret, sign, signAdd, signGenesis, signRevoke, unwrapDesktopKey, wrapDesktopKey } from './index.ts';
import { sodium } from './sodium.ts';
import type { ChainState, DevicePublic, DeviceSecrets } from './index.ts';

before(cryptoReady);

const frozen = '67776772010100007967a68ee3d8e1848d5d5b2e840369e9000000020000000313ad5fbd8e4d6f1354f774125c947adf4a34c2452e764d2edc7fc9f8e44defec40dd2d61448af2e40883eeb28f211d5e4b90d53a1afc42ecd49ede7b557ccf0713be4feaeaf204c7fd3358fc9c00721881d174278128227ec674f37f7fe97b6d7ba48a69458245e859517941809f1a9cc4df22a44cf78264ae2a960d0fc3a3a1e67337d36917b88ae552d5aab41a5e75e358f843719e6adc1e68aff8735d880f3499bcce5c3b74e0961fb34864a2f57d94768667c9512ddf9ecb19beef4db6d670fda7dbc8ea4133e1f23c6842400709';
const isInvalid = { name: 'Fault', code: 'GRANT_INVALID', message: 'a wrapped key is refused' };
const filled = (byte: number): Secret => new Secret(Buffer.alloc(32, byte));
/** The account key of each generation, of all accounts here. */
const keyOf = (generation: number): Secret => filled(0x28 + generation);
const newRecovery = (): DeviceSecrets => recoveryFromWords(createRecovery(systemRandom).words.join(' '));

/** An account with two devices, `first` and `second`, and its recovery key. */
function newAccount(): { recovery: DeviceSecrets; first: DeviceSecrets; second: DeviceSecrets; entries: Buffer[]; chain: ChainState } {
  const [recovery, first, second] = [newRecovery(), createDevice(systemRandom), createDevice(systemRandom)];
  const entries = [signGenesis({ recovery, accountKey: keyOf(1), device: first, name: 'first', createdMs: 0 })];
  entries.push(signAdd(replayChain(entries), { device: second, name: 'second', signer: first, createdMs: 0 }));
  return { recovery, first, second, entries, chain: replayChain(entries) };
}

function grant(chain: ChainState, by: DeviceSecrets, to: DevicePublic, generation = chain.generation, accountKey = keyOf(generation)): Buffer {
  return grantAccountKey({ accountKey, generation, chain, chainAgeMs: 0, to, by }, systemRandom);
}

function resign(bytes: Buffer, by: DeviceSecrets, change: (body: Buffer) => void): Buffer {
  const body = Buffer.from(bytes.subarray(0, -64));
  change(body);
  return Buffer.concat([body, sign('grant', body, by.signSecret)]);
}

interface Forgery {
  accountId: AccountId;
  generation: number;
  chainLength: number;
  head: Buffer;
  recipient: HostId;
}

/** A grant as a hostile device of the account makes it: sealed to `to` and signed as it should be, whatever its fields say. */
function forge(fields: Forgery, by: DeviceSecrets, to: DevicePublic, sealed = keyOf(fields.generation)): Buffer {
  const ephemeral = createDevice(systemRandom);
  const context = new ByteWriter(128).put(Buffer.from('gwgr\x01\x01\0\0', 'latin1')).put(idToBytes(fields.accountId)).u32(fields.generation).u32(fields.chainLength);
  context.put(fields.head).put(idToBytes(fields.recipient)).put(idToBytes(by.hostId)).put(ephemeral.boxPublic);
  const shared = new Secret(sodium.crypto_scalarmult(ephemeral.boxSecret.bytes, to.boxPublic));
  const key = deriveKey(shared, 'grant-seal', ephemeral.boxPublic, to.boxPublic);
  const cipher = createCipheriv('chacha20-poly1305', key.bytes, Buffer.alloc(12), { authTagLength: 16 });
  cipher.setAAD(context.finish(), { plaintextLength: 32 });
  const body = Buffer.concat([context.finish(), cipher.update(sealed.bytes), cipher.final(), cipher.getAuthTag()]);
  return Buffer.concat([body, sign('grant', body, by.signSecret)]);
}

const at = { generation: 24, chainLength: 28, head: 32, recipient: 64, signer: 80 };

test('a frozen grant opens with the recovery words, and is written again the same', () => {
  const recovery = recoveryFromWords(`${'abandon '.repeat(23)}art`);
  const [first, second] = [deviceFromSeeds(filled(1), filled(2)), deviceFromSeeds(filled(3), filled(4))];
  const entries = [signGenesis({ recovery, accountKey: keyOf(1), device: first, name: 'laptop-a', createdMs: 1_700_000_000_000 })];
  entries.push(signAdd(replayChain(entries), { device: second, name: 'Büro', signer: first, createdMs: 1_700_000_001_000 }));
  entries.push(signRevoke(replayChain(entries), { subject: first.hostId, accountKey: keyOf(2), signer: second, createdMs: 1_700_000_002_000 }));
  const chain = replayChain(entries);
  const order = { accountKey: filled(0x2a), generation: 2, chain, chainAgeMs: 0, to: recovery, by: second };
  assert.equal(grantAccountKey(order, (n) => Buffer.alloc(n, 7)).toString('hex'), frozen);
  assert.equal(frozen.length, 2 * grantBytes);
  assert.ok(openGrant(Buffer.from(frozen, 'hex'), { device: recovery, chain, generation: 2 }).accountKey.equals(filled(0x2a)));
});

test('device to device, device to recovery, recovery to device', () => {
  const { recovery, first, second, chain } = newAccount();
  const accountKey = keyOf(1);
  for (const [by, to] of [[first, second], [first, first], [first, recovery], [recovery, second]] as const) {
    const opened = openGrant(grant(chain, by, to), { device: to, chain, generation: 1 });
    assert.ok(opened.accountKey.equals(accountKey));
    assert.equal(opened.generation, 1);
  }
});

test('each flipped bit, each length: one and the same fault', () => {
  const { first, second, chain } = newAccount();
  const bytes = grant(chain, first, second);
  const opener = { device: second, chain, generation: 1 };
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => openGrant(flipped, opener), isInvalid, `bit ${bit}`);
  }
  for (let lengthBytes = 0; lengthBytes < bytes.length; lengthBytes++) assert.throws(() => openGrant(bytes.subarray(0, lengthBytes), opener), isInvalid);
  assert.throws(() => openGrant(Buffer.concat([bytes, bytes]), opener), isInvalid);
  openGrant(bytes, opener);
});

test('random and mutated bytes are refused with a typed fault', () => {
  const { first, second, chain } = newAccount();
  const bytes = grant(chain, first, second);
  const mutated = fc.tuple(fc.nat(bytes.length), fc.uint8Array({ minLength: 1, maxLength: 80 })).map(([start, put]) => {
    const changed = Buffer.from(bytes);
    changed.set(put.subarray(0, bytes.length - start), start);
    return changed;
  });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: grantBytes, maxLength: grantBytes })), (hostile) => {
      fc.pre(!bytes.equals(hostile));
      assert.throws(() => openGrant(hostile, { device: second, chain, generation: 1 }), isInvalid);
    }),
    { numRuns: 500 },
  );
});

test('a ghost or a swapped key is granted nothing, and grants nothing', () => {
  const { first, second, chain } = newAccount();
  const ghost = createDevice(systemRandom);
  const refused = { code: 'GRANT_REFUSED' };
  assert.throws(() => grant(chain, first, ghost), refused);
  assert.throws(() => grant(chain, first, { ...second, boxPublic: ghost.boxPublic }), refused);
  assert.throws(() => grant(chain, first, { ...second, signPublic: ghost.signPublic }), refused);
  assert.throws(() => grant(chain, ghost, second), refused);
  for (const generation of [0, 2, -1, 1.5, 2 ** 32]) assert.throws(() => grant(chain, first, second, generation, keyOf(1)), refused);
  const forged = resign(grant(chain, first, second), ghost, (body) => body.set(Buffer.from(ghost.hostId, 'hex'), at.signer));
  assert.throws(() => openGrant(forged, { device: second, chain, generation: 1 }), isInvalid);
});

test('on a chain that was not confirmed for ten minutes nothing is granted', () => {
  const { first, second, chain } = newAccount();
  const order = { accountKey: keyOf(1), generation: 1, chain, to: second, by: first };
  grantAccountKey({ ...order, chainAgeMs: CHAIN_AGE_MS_MAX }, systemRandom);
  for (const chainAgeMs of [CHAIN_AGE_MS_MAX + 1, -1, Number.NaN, Infinity]) {
    assert.throws(() => grantAccountKey({ ...order, chainAgeMs }, systemRandom), { code: 'CHAIN_STALE' });
  }
});

test('a grant for another recipient, account or generation is refused, also when a trusted device signs it so', () => {
  const { first, second, recovery, chain } = newAccount();
  const other = newAccount();
  const bytes = grant(chain, first, second);
  assert.throws(() => openGrant(bytes, { device: recovery, chain, generation: 1 }), isInvalid);
  assert.throws(() => openGrant(bytes, { device: other.second, chain: other.chain, generation: 1 }), isInvalid);
  assert.throws(() => openGrant(bytes, { device: second, chain, generation: 2 }), isInvalid);
  const opener = { device: second, chain, generation: 2 };
  assert.throws(() => openGrant(resign(bytes, first, (body) => body.writeUInt32BE(2, at.generation)), opener), isInvalid);
  const toRecovery = resign(bytes, first, (body) => body.set(Buffer.from(recovery.hostId, 'hex'), at.recipient));
  assert.throws(() => openGrant(toRecovery, { device: recovery, chain, generation: 1 }), isInvalid, 'the sealed part is bound to its recipient');
  assert.throws(() => openGrant(toRecovery, { device: second, chain, generation: 1 }), isInvalid);
});

test('after a revocation: the revoked device grants nothing and is granted nothing; its generation is over', () => {
  const { first, second, recovery, entries, chain } = newAccount();
  const old = grant(chain, second, first);
  const stockpiled = resign(old, second, (body) => body.writeUInt32BE(2, at.generation));
  entries.push(signRevoke(chain, { subject: second.hostId, accountKey: keyOf(2), signer: first, createdMs: 0 }));
  const after = replayChain(entries);
  assert.throws(() => grant(after, first, second), { code: 'GRANT_REFUSED' });
  assert.throws(() => grant(after, second, first), { code: 'GRANT_REFUSED' });
  assert.throws(() => openGrant(old, { device: first, chain: after, generation: 1 }), isInvalid);
  assert.throws(() => openGrant(stockpiled, { device: first, chain: after, generation: 2 }), isInvalid);

  const accountKey = keyOf(2);
  const again = grant(after, first, recovery);
  assert.ok(openGrant(again, { device: recovery, chain: after, generation: 2 }).accountKey.equals(accountKey));
  assert.throws(() => openGrant(again, { device: second, chain: after, generation: 2 }), isInvalid);
  assert.throws(() => openGrant(again, { device: { ...recovery, boxSecret: second.boxSecret }, chain: after, generation: 2 }), isInvalid);
});

test('every secret of a revoked device opens nothing of the next generation', () => {
  const { first, second, entries, chain } = newAccount();
  const desktopId = newId<DesktopId>(systemRandom);
  const context = { accountId: chain.accountId, desktopId, keyGeneration: 2 };
  const oldKey = keyOf(1);
  const held = openGrant(grant(chain, first, second, 1, oldKey), { device: second, chain, generation: 1 }).accountKey;
  entries.push(signRevoke(chain, { subject: second.hostId, accountKey: keyOf(2), signer: first, createdMs: 0 }));
  const after = replayChain(entries);
  const newKey = keyOf(2);
  const wrapped = wrapDesktopKey({ ...context, accountKey: newKey, generation: 2, desktopKey: newDesktopKey(systemRandom) }, systemRandom);
  const granted = grant(after, first, first, 2, newKey);
  for (const generation of [1, 2]) {
    assert.throws(() => unwrapDesktopKey({ ...context, accountKey: held, generation }, wrapped), { code: 'GRANT_INVALID' });
    for (const hostId of [first.hostId, second.hostId]) {
      assert.throws(() => openGrant(granted, { device: { ...second, hostId }, chain: after, generation }), isInvalid);
    }
  }
  const opened = openGrant(granted, { device: first, chain: after, generation: 2 }).accountKey;
  unwrapDesktopKey({ ...context, accountKey: opened, generation: 2 }, wrapped);
});

test('what a trusted device signed of the chain is evidence: hidden entries and forks', () => {
  const { first, second, entries, chain } = newAccount();
  const third = createDevice(systemRandom);
  const longer = replayChain([...entries, signAdd(chain, { device: third, name: 'third', signer: first, createdMs: 0 })]);
  const other = replayChain([...entries, signAdd(chain, { device: createDevice(systemRandom), name: 'other', signer: second, createdMs: 0 })]);
  const bytes = grant(longer, first, second);
  assert.throws(() => openGrant(bytes, { device: second, chain, generation: 1 }), { code: 'CHAIN_ROLLED_BACK' });
  assert.throws(() => openGrant(bytes, { device: second, chain: other, generation: 1 }), (error) => error instanceof Fault && error.code === 'CHAIN_FORKED');
  openGrant(bytes, { device: second, chain: longer, generation: 1 });
  const early = resign(grant(longer, third, second), third, (body) => {
    body.writeUInt32BE(2, at.chainLength);
    body.set(chain.headHash, at.head);
  });
  assert.throws(() => openGrant(early, { device: second, chain: longer, generation: 1 }), isInvalid, 'the signer was not in the chain that it names');
});

test('a hostile device of the account can not lie about account, generation, recipient or its place in the chain', () => {
  const { first, second, entries, chain: before } = newAccount();
  const third = createDevice(systemRandom);
  entries.push(signAdd(before, { device: third, name: 'third', signer: first, createdMs: 0 }));
  entries.push(signRevoke(replayChain(entries), { subject: first.hostId, accountKey: keyOf(2), signer: second, createdMs: 0 }));
  const chain = replayChain(entries);
  const headAt = (chainLength: number): { chainLength: number; head: Buffer } => ({ chainLength, head: chain.hashes[chainLength - 1]! });
  const honest: Forgery = { accountId: chain.accountId, generation: 2, ...headAt(4), recipient: second.hostId };
  openGrant(forge(honest, third, second), { device: second, chain, generation: 2 });
  openGrant(forge({ ...honest, generation: 1, ...headAt(3) }, third, second), { device: second, chain, generation: 1 });
  const lies: Record<string, Forgery> = {
    'a generation that was not yet': { ...honest, ...headAt(3) },
    'a generation that never was': { ...honest, generation: 3 },
    'generation 0': { ...honest, generation: 0 },
    'another recipient': { ...honest, recipient: third.hostId },
    'a chain from before it was added': { ...honest, generation: 1, ...headAt(2) },
    'another account': { ...honest, accountId: newId<AccountId>(systemRandom) },
    'another account, a longer chain': { ...honest, accountId: newId<AccountId>(systemRandom), chainLength: 9 },
  };
  for (const [what, fields] of Object.entries(lies)) {
    assert.throws(() => openGrant(forge(fields, third, second), { device: second, chain, generation: fields.generation }), isInvalid, what);
  }
  assert.throws(() => openGrant(forge(honest, third, second, filled(0x66)), { device: second, chain, generation: 2 }), isInvalid, 'another key than the chain commits to');
  assert.throws(() => openGrant(forge(honest, third, second, keyOf(1)), { device: second, chain, generation: 2 }), isInvalid, 'the key of the generation before');
  assert.throws(() => grant(chain, third, second, 2, newAccountKey(systemRandom)), { code: 'GRANT_REFUSED' });
  assert.throws(() => openGrant(forge(honest, first, second), { device: second, chain, generation: 2 }), isInvalid, 'a revoked signer');
  assert.throws(() => openGrant(forge(honest, third, third), { device: second, chain, generation: 2 }), isInvalid, 'sealed to another');
});
