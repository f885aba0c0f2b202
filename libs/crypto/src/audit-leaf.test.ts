import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { idFromBytes, systemRandom, type AccountId, type DesktopId, type HostId } from '@godwit/base';
import { createDevice, cryptoReady, decodeLeaf, encodeLeaf, headOfWitness, logKeyFromSeed, openTreeHead, openWitness, sha256, signTreeHead, signWitness, type AuditLeaf } from './index.ts';

before(cryptoReady);

const id = <Id extends AccountId>(): fc.Arbitrary<Id> => fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((bytes) => bytes.some((byte) => byte !== 0)).map((bytes) => idFromBytes<Id>(bytes));
const anyId = id() as fc.Arbitrary<string>;
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => bytes.some((byte) => byte !== 0)).map((bytes) => Buffer.from(bytes));
const anyLeaf = fc.record({
  accountId: anyId, kind: fc.constantFrom('account-created', 'checkpoint-committed', 'x'), hostId: fc.option(anyId), desktopId: fc.option(anyId), subject: fc.option(anyId),
  epoch: fc.option(fc.integer({ min: 1 })), sequence: fc.option(fc.nat()), digest: fc.option(digest), timeMs: fc.maxSafeNat(),
  witness: fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
}, { noNullPrototype: true }) as fc.Arbitrary<AuditLeaf>;

describe('a leaf', () => {
  test('comes back as it was, in one spelling', () => {
    fc.assert(fc.property(anyLeaf, (leaf) => {
      const bytes = encodeLeaf(leaf);
      assert.deepEqual(decodeLeaf(bytes), leaf);
      assert.throws(() => decodeLeaf(Buffer.concat([bytes, Buffer.of(0)])), { code: 'LOG_LEAF_INVALID' });
      assert.throws(() => decodeLeaf(bytes.subarray(0, -1)), { code: 'LOG_LEAF_INVALID' });
    }));
  });

  test('any bytes are a leaf in its one spelling, or refused', () => {
    fc.assert(fc.property(anyLeaf, fc.nat(), fc.integer({ min: 1, max: 255 }), (leaf, at, change) => {
      const bytes = Buffer.from(encodeLeaf(leaf));
      bytes.writeUInt8(bytes.readUInt8(at % bytes.length) ^ change, at % bytes.length);
      let decoded: AuditLeaf;
      try {
        decoded = decodeLeaf(bytes);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'LOG_LEAF_INVALID');
        return;
      }
      assert.deepEqual(encodeLeaf(decoded), bytes);
    }));
  });

  test('what has no encoding is not written', () => {
    const leaf: AuditLeaf = { accountId: 'a'.repeat(32) as AccountId, kind: 'x', hostId: 'b'.repeat(32) as HostId, desktopId: 'c'.repeat(32) as DesktopId, subject: null, epoch: null, sequence: null, digest: null, timeMs: 1, witness: null };
    for (const change of [{ kind: '' }, { kind: 'A b' }, { kind: 'x'.repeat(33) }, { epoch: 0 }, { digest: Buffer.alloc(31) }, { witness: Buffer.alloc(0) }, { witness: Buffer.alloc(2000) }]) {
      assert.throws(() => encodeLeaf({ ...leaf, ...change }), { code: 'INTERNAL' }, JSON.stringify(change));
    }
  });
});

describe('a tree head and a witness of it', () => {
  const fresh = () => {
    const log = logKeyFromSeed(systemRandom(32));
    const head = signTreeHead({ audience: 'coordinator-1', size: 7, root: sha256(), timeMs: 5 }, log.signSecret);
    return { log, head, by: { audience: 'coordinator-1', signPublic: log.signPublic } };
  };

  test('a head opens under its key and name only, with no bit changed', () => {
    const { head, by } = fresh();
    assert.deepEqual(openTreeHead(head.bytes, by), head);
    const refused = { code: 'TREE_HEAD_INVALID' };
    assert.throws(() => openTreeHead(head.bytes, { ...by, audience: 'coordinator-2' }), refused);
    assert.throws(() => openTreeHead(head.bytes, { ...by, signPublic: logKeyFromSeed(systemRandom(32)).signPublic }), refused);
    for (let bit = 0; bit < head.bytes.length * 8; bit += 1) {
      const changed = Buffer.from(head.bytes);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.throws(() => openTreeHead(changed, by), refused, `bit ${bit}`);
    }
    for (let length = 0; length < head.bytes.length; length += 1) assert.throws(() => openTreeHead(head.bytes.subarray(0, length), by), refused);
    assert.throws(() => openTreeHead(Buffer.concat([head.bytes, Buffer.of(0)]), by), refused);
  });

  test('a witness opens for its host, its checkpoint and its log only, with no bit changed', () => {
    const { head, by } = fresh();
    const [device, other] = [createDevice(systemRandom), createDevice(systemRandom)];
    const of = { hostId: device.hostId, signPublic: device.signPublic, digest: sha256(Buffer.of(1)) };
    const witness = signWitness(of.digest, head, device);
    assert.deepEqual(openWitness(witness, of, by), head);
    assert.deepEqual(headOfWitness(witness), head.bytes);
    const refused = { code: 'LOG_WITNESS_INVALID' };
    assert.throws(() => openWitness(witness, { ...of, hostId: other.hostId }, by), refused);
    assert.throws(() => openWitness(witness, { ...of, signPublic: other.signPublic }, by), refused);
    assert.throws(() => openWitness(witness, { ...of, digest: sha256() }, by), refused);
    assert.throws(() => openWitness(witness, of, fresh().by), { code: 'TREE_HEAD_INVALID' });
    for (let bit = 0; bit < witness.length * 8; bit += 5) {
      const changed = Buffer.from(witness);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.throws(() => openWitness(changed, of, by), refused, `bit ${bit}`);
    }
    for (let length = 0; length < witness.length; length += 1) assert.throws(() => openWitness(witness.subarray(0, length), of, by), refused);
  });
});
