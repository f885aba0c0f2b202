import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { Fault, systemRandom, type HostId } from '@godwit/base';
import { assertExtends, assertOnChain, createDevice, createRecovery, cryptoReady, currentDevice, decodeEntry, deviceFromSeeds, encodeEntry, entryBody, extendChain } from './index.ts';
import { generationAt, isTrusted, recoveryFromWords, replayChain, Secret, sign, signAdd, signGenesis, signRevoke } from './index.ts';
import { type ChainEntry, type ChainState, type DevicePublic, type DeviceSecrets } from './index.ts';

before(cryptoReady);

const anyKey = new Secret(Buffer.alloc(32, 0x51));
const anyCommitment = Buffer.alloc(32, 0x52);
const newRecovery = (): DeviceSecrets => recoveryFromWords(createRecovery(systemRandom).words.join(' '));

class Account {
  readonly recovery = newRecovery();
  readonly first = createDevice(systemRandom);
  readonly entries = [signGenesis({ recovery: this.recovery, accountKey: anyKey, device: this.first, name: 'first', createdMs: 0 })];

  get state(): ChainState {
    return replayChain(this.entries);
  }

  add(device: DevicePublic, signer: DeviceSecrets = this.first): void {
    this.entries.push(signAdd(this.state, { device, name: 'more', signer, createdMs: 1 }));
  }

  revoke(subject: HostId, signer: DeviceSecrets = this.first): void {
    this.entries.push(signRevoke(this.state, { subject, accountKey: anyKey, signer, createdMs: 2 }));
  }

  /** An entry as a hostile signer would make it: none of this side's checks, the signature itself is valid. */
  forge(change: Partial<ChainEntry>, signer: DeviceSecrets = this.first): Buffer {
    const { accountId, length: sequence, headHash: previousHash } = this.state;
    const common = { accountId, sequence, previousHash, createdMs: 0, signer: signer.hostId };
    const entry = { ...common, kind: 'add', device: createDevice(systemRandom), name: 'forged', ...change } as ChainEntry;
    return encodeEntry(entry, sign('chain-entry', entryBody(entry), signer.signSecret));
  }
}

function refuses(account: Account, entry: Buffer, code: string): void {
  assert.throws(() => extendChain(account.state, entry), { code });
}

test('an account from genesis: self-certifying id, first device trusted, generation 1', () => {
  const account = new Account();
  const { state, first, recovery } = account;
  assert.equal(state.accountId, decodeEntry(account.entries[0]!).entry.accountId);
  assert.ok(isTrusted(state, first) && isTrusted(state, recovery));
  assert.equal(state.generation, 1);
  assert.notEqual(new Account().state.accountId, state.accountId);
});

test('devices add and revoke each other; recovery does both; the generation counts revocations', () => {
  const account = new Account();
  const [second, third] = [createDevice(systemRandom), createDevice(systemRandom)];
  account.add(second);
  account.add(third, second);
  account.revoke(account.first.hostId, third);
  account.revoke(second.hostId, account.recovery);
  const { state } = account;
  assert.deepEqual([state.length, state.generation], [5, 3]);
  assert.deepEqual([1, 2, 3, 4, 5].map((length) => generationAt(state, length)), [1, 1, 1, 2, 3]);
  assert.equal(currentDevice(state, account.first.hostId), undefined);
  assert.equal(currentDevice(state, third.hostId)?.name, 'more');
});

test('a ghost: nobody but a current device or the recovery key adds a device', () => {
  const account = new Account();
  const ghost = createDevice(systemRandom);
  refuses(account, account.forge({ device: ghost }, ghost), 'CHAIN_SIGNER_REFUSED');
  refuses(account, account.forge({ device: ghost, signer: account.first.hostId }, ghost), 'SIGNATURE_INVALID');
  refuses(account, account.forge({ device: ghost, signer: account.recovery.hostId }, ghost), 'SIGNATURE_INVALID');
  assert.throws(() => signAdd(account.state, { device: ghost, name: 'ghost', signer: ghost, createdMs: 0 }), { code: 'CHAIN_SIGNER_REFUSED' });
});

test('a key that is swapped in a signed entry is refused, and a swapped device is not trusted', () => {
  const account = new Account();
  const device = createDevice(systemRandom);
  account.add(device);
  const { entry, signature } = decodeEntry(account.entries[1]!);
  const swapped = encodeEntry({ ...entry, device: createDevice(systemRandom) } as ChainEntry, signature);
  assert.throws(() => replayChain([account.entries[0]!, swapped]), { code: 'SIGNATURE_INVALID' });
  assert.ok(!isTrusted(account.state, { ...createDevice(systemRandom), hostId: device.hostId }));
});

test('a revoked device signs nothing, back-dated or not, and never comes back, not even with half of its keys', () => {
  const account = new Account();
  const lost = createDevice(systemRandom);
  account.add(lost);
  const before = [...account.entries];
  account.revoke(lost.hostId);
  refuses(account, account.forge({ createdMs: 0 }, lost), 'CHAIN_SIGNER_REFUSED');
  refuses(account, account.forge({ kind: 'revoke', subject: account.first.hostId, keyCommitment: anyCommitment }, lost), 'CHAIN_SIGNER_REFUSED');
  const backdated = new Account().forge({ accountId: account.state.accountId, sequence: 2, previousHash: replayChain(before).headHash }, lost);
  refuses(account, backdated, 'CHAIN_BROKEN');
  assert.throws(() => assertExtends(account.state, [...before, backdated]), { code: 'CHAIN_FORKED' });

  const fresh = createDevice(systemRandom);
  for (const again of [lost, { ...fresh, signPublic: lost.signPublic }, { ...fresh, boxPublic: lost.boxPublic }]) {
    refuses(account, account.forge({ device: again }), 'DEVICE_REVOKED');
    refuses(account, account.forge({ device: again }, account.recovery), 'DEVICE_REVOKED');
  }
  refuses(account, account.forge({ kind: 'revoke', subject: lost.hostId, keyCommitment: anyCommitment }), 'DEVICE_REVOKED');
});

test('a key stands in the chain once: devices and recovery', () => {
  const account = new Account();
  refuses(account, account.forge({ device: account.first }), 'DEVICE_EXISTS');
  refuses(account, account.forge({ device: account.recovery }), 'DEVICE_EXISTS');
  assert.throws(() => signGenesis({ recovery: account.recovery, accountKey: anyKey, device: account.recovery, name: 'x', createdMs: 0 }), { code: 'DEVICE_EXISTS' });
});

test('the last device does not revoke itself; the recovery key may, and goes on', () => {
  const account = new Account();
  refuses(account, account.forge({ kind: 'revoke', subject: account.first.hostId, keyCommitment: anyCommitment }), 'DEVICE_LAST');
  refuses(account, account.forge({ kind: 'revoke', subject: account.recovery.hostId, keyCommitment: anyCommitment }), 'DEVICE_UNKNOWN');
  account.revoke(account.first.hostId, account.recovery);
  const next = createDevice(systemRandom);
  account.add(next, account.recovery);
  account.add(createDevice(systemRandom), next);
  account.revoke(next.hostId, next);
  assert.equal([...account.state.devices.values()].filter(({ revokedAt }) => revokedAt === undefined).length, 1);
});

test('entries out of place: other account, sequence, predecessor, a second genesis, no genesis, none at all', () => {
  const [account, other] = [new Account(), new Account()];
  account.add(createDevice(systemRandom));
  refuses(account, account.forge({ accountId: other.state.accountId }), 'CHAIN_BROKEN');
  refuses(account, account.forge({ sequence: 1 }), 'CHAIN_BROKEN');
  refuses(account, account.forge({ sequence: 3 }), 'CHAIN_BROKEN');
  refuses(account, account.forge({ previousHash: Buffer.alloc(32) }), 'CHAIN_BROKEN');
  refuses(account, account.entries[0]!, 'CHAIN_BROKEN');
  refuses(account, account.entries[1]!, 'CHAIN_BROKEN');
  assert.throws(() => replayChain([]), { code: 'CHAIN_BROKEN' });
  assert.throws(() => replayChain(account.entries.slice(1)), { code: 'CHAIN_BROKEN' });
  assert.throws(() => replayChain([...account.entries].reverse()), { code: 'CHAIN_BROKEN' });
  const { entry } = decodeEntry(account.entries[0]!);
  for (const change of [{ sequence: 1 }, { previousHash: Buffer.alloc(32, 1) }]) {
    assert.throws(() => replayChain([account.forge({ ...entry, ...change }, account.recovery)]), { code: 'CHAIN_BROKEN' });
  }
  assert.throws(() => replayChain([account.forge({ ...entry, signer: account.first.hostId })]), { code: 'CHAIN_SIGNER_REFUSED' });
});

test('a chain that was seen before: shorter is rolled back, other is forked with both heads as evidence', () => {
  const account = new Account();
  account.add(createDevice(systemRandom));
  const known = account.state;
  const branch = [account.entries[0]!, signAdd(replayChain(account.entries.slice(0, 1)), { device: createDevice(systemRandom), name: 'b', signer: account.first, createdMs: 0 })];
  account.add(createDevice(systemRandom));
  assert.equal(assertExtends(known, account.entries).length, 3);
  assert.equal(assertExtends(known, account.entries.slice(0, 2)).length, 2);
  assert.throws(() => assertExtends(account.state, account.entries.slice(0, 2)), { code: 'CHAIN_ROLLED_BACK', expected: '3 entries or more', found: '2' });
  assert.throws(() => assertExtends(known, []), { code: 'CHAIN_ROLLED_BACK' });
  const forked = { code: 'CHAIN_FORKED', expected: `head ${known.headHash.toString('hex')}`, found: `head ${replayChain(branch).headHash.toString('hex')}` };
  assert.throws(() => assertExtends(known, branch), forked);
  assert.throws(() => assertExtends(known, new Account().entries.concat(branch)), Fault);
  assert.throws(() => assertOnChain(known, account.state), { code: 'CHAIN_ROLLED_BACK' });
  assert.throws(() => assertOnChain(known, { length: 0, headHash: Buffer.alloc(32) }), { code: 'CHAIN_FORKED' });
});

/** The rules again, in the simplest words: who is in, who was ever in. */
class Model {
  readonly present = new Set<number>([0]);
  readonly ever = new Set<number>([0]);
  revocations = 0;

  apply(add: boolean, device: number): void {
    if (add) {
      this.present.add(device);
      this.ever.add(device);
    } else {
      this.present.delete(device);
      this.revocations++;
    }
  }

  mayAdd(signer: number, device: number): boolean {
    return (signer === recoveryIndex || this.present.has(signer)) && !this.ever.has(device);
  }

  mayRevoke(signer: number, device: number): boolean {
    const lastItself = signer === device && this.present.size === 1;
    return (signer === recoveryIndex || this.present.has(signer)) && this.present.has(device) && !lastItself;
  }
}
const recoveryIndex = 6;

test('random sequences of adds and revocations do what the model does', () => {
  const keyed = (byte: number): DeviceSecrets => deviceFromSeeds(new Secret(Buffer.alloc(32, byte)), new Secret(Buffer.alloc(32, byte + 100)));
  const keys = Array.from({ length: recoveryIndex + 1 }, (_, index) => keyed(index + 1));
  const recovery = keys[recoveryIndex]!;
  const genesis = signGenesis({ recovery, accountKey: anyKey, device: keys[0]!, name: '0', createdMs: 0 });
  const step = fc.record({ add: fc.boolean(), signer: fc.nat(recoveryIndex), device: fc.nat(recoveryIndex - 1) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const model = new Model();
      const entries = [genesis];
      let state = replayChain(entries);
      for (const { add, signer, device } of steps) {
        const [by, subject] = [keys[signer]!, keys[device]!];
        const allowed = add ? model.mayAdd(signer, device) : model.mayRevoke(signer, device);
        const attempt = (): Buffer =>
          add
            ? signAdd(state, { device: subject, name: String(device), signer: by, createdMs: 0 })
            : signRevoke(state, { subject: subject.hostId, accountKey: anyKey, signer: by, createdMs: 0 });
        if (!allowed) {
          assert.throws(attempt, Fault);
          continue;
        }
        entries.push(attempt());
        state = extendChain(state, entries.at(-1)!);
        model.apply(add, device);
      }
      const present = keys.flatMap((key, index) => (currentDevice(state, key.hostId) === undefined ? [] : [index]));
      assert.deepEqual(present, [...model.present].sort());
      assert.deepEqual([state.devices.size, state.generation, state.length], [model.ever.size, 1 + model.revocations, entries.length]);
      assert.deepEqual(replayChain(entries), state);
    }),
    { numRuns: 60 },
  );
});
