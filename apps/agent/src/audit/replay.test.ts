import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { systemRandom, type DesktopId, type HostId } from '@godwit/base';
import { createDevice, createRecovery, cryptoReady, newAccountKey, recoveryFromWords, replayChain, sha256, signGenesis, type AuditLeaf, type ChainState } from '@godwit/crypto';
import { replay, type PlacedLeaf } from './replay.ts';

const desktopId = 'd'.repeat(32) as DesktopId;
const [a, b] = ['a'.repeat(32) as HostId, 'b'.repeat(32) as HostId];
const digest = sha256(Buffer.from('manifest 1'));

describe('a replay of the log', () => {
  let chain: ChainState;
  before(async () => {
    await cryptoReady();
    const recovery = recoveryFromWords(createRecovery(systemRandom).words.join(' '));
    chain = replayChain([signGenesis({ recovery, accountKey: newAccountKey(systemRandom), device: createDevice(systemRandom), name: 'a', createdMs: 1 })]);
  });

  const leaf = (kind: string, what: Partial<AuditLeaf> = {}): AuditLeaf => ({ accountId: chain.accountId, kind, hostId: a, desktopId: null, subject: null, epoch: null, sequence: null, digest: null, timeMs: 1, witness: null, ...what });
  const place = (leaves: readonly AuditLeaf[]): PlacedLeaf[] => leaves.map((each, index) => ({ index: index * 3, leaf: each }));
  /** Made, checkpointed and released by a, acquired by b. */
  const story = (): AuditLeaf[] => [
    leaf('account-created', { sequence: 0, digest: chain.genesisHash }), leaf('key-granted', { sequence: 1, digest }),
    leaf('desktop-created', { desktopId, epoch: 1 }), leaf('checkpoint-committed', { desktopId, epoch: 1, sequence: 1, digest }), leaf('desktop-released', { desktopId, epoch: 1 }),
    leaf('desktop-acquired', { desktopId, epoch: 2, hostId: b }), leaf('policy-saved', { desktopId, hostId: b }),
  ];
  const known = () => ({ chain, histories: new Map([[desktopId, new Map([[1, digest.toString('hex')]])]]), receipts: [{ index: 9, leaf: story()[3]! }] });
  const findings = (leaves: readonly AuditLeaf[]): string[] => replay(place(leaves), known());

  test('of what happened finds nothing', () => assert.deepEqual(findings(story()), []));

  const takenOver = (what: Partial<AuditLeaf> = {}): AuditLeaf => leaf('desktop-taken-over', { desktopId, epoch: 3, subject: b, ...what });

  test('of a take-over and of what follows it finds nothing', () => {
    const next = sha256(Buffer.from('manifest 2'));
    const after = [takenOver(), leaf('offline-policy-saved', { desktopId, digest }), leaf('checkpoint-committed', { desktopId, epoch: 3, sequence: 2, digest: next }), leaf('desktop-released', { desktopId, epoch: 3 })];
    assert.deepEqual(findings([...story(), ...after, leaf('desktop-acquired', { desktopId, epoch: 4, hostId: b })]), []);
  });

  const lies: [string, (leaves: AuditLeaf[]) => AuditLeaf[], RegExp][] = [
    ['one epoch granted twice', (leaves) => [...leaves, leaf('desktop-acquired', { desktopId, epoch: 2, hostId: a })], /epoch 2 is granted after epoch 2/],
    ['a desktop granted while it is held', (leaves) => [...leaves, leaf('desktop-acquired', { desktopId, epoch: 3, hostId: a })], /granted while bbbbbbbb holds epoch 2/],
    ['a take-over of a free desktop', (leaves) => [...leaves, leaf('desktop-released', { desktopId, epoch: 2, hostId: b }), takenOver()], /epoch 2 is taken over, which nobody holds/],
    ['a take-over that skips an epoch', (leaves) => [...leaves, takenOver({ epoch: 4 })], /epoch 4 is granted after epoch 2/],
    ['a take-over from another than the holder', (leaves) => [...leaves, takenOver({ subject: 'c'.repeat(32) })], /taken over from cccccccc, which does not hold it/],
    ['a take-over from oneself', (leaves) => [...leaves, takenOver({ hostId: b })], /by its own holder/],
    ['one epoch taken over twice', (leaves) => [...leaves, takenOver(), takenOver({ hostId: 'c'.repeat(32) as HostId })], /epoch 3 is granted after epoch 3/],
    ['a commit of whom it was taken from', (leaves) => [...leaves, takenOver(), leaf('checkpoint-committed', { desktopId, epoch: 2, sequence: 2, digest, hostId: b })], /by a host that does not hold it/],
    ['a commit of a stale holder', (leaves) => [...leaves, leaf('checkpoint-committed', { desktopId, epoch: 1, sequence: 2, digest })], /by a host that does not hold it/],
    ['a commit after another than the last', (leaves) => [...leaves, leaf('checkpoint-committed', { desktopId, epoch: 2, sequence: 4, digest, hostId: b })], /checkpoint 4 is committed after 1/],
    ['another checkpoint in its place', (leaves) => leaves.map((each) => (each.kind === 'checkpoint-committed' ? { ...each, digest: sha256() } : each)), /checkpoint 1 .* is another one in the log/],
    ['a commit that is not there', (leaves) => leaves.filter(({ kind }) => kind !== 'checkpoint-committed'), /checkpoint 1 .* is not in the log/],
    ['a chain entry that is not there', (leaves) => leaves.slice(1), /entry 0 of the device chain is not in the log/],
    ['a chain entry that is another', (leaves) => leaves.map((each) => (each.kind === 'account-created' ? { ...each, digest: sha256() } : each)), /entry 0 of the device chain is another/],
    ['a ghost in the chain', (leaves) => [...leaves, leaf('host-added', { sequence: 0, digest })], /a second time/],
    ['leaves of somebody else', (leaves) => [...leaves, leaf('join-refused', { accountId: 'f'.repeat(32) as never })], /another account/],
    ['a desktop from nowhere', (leaves) => [...leaves, leaf('desktop-acquired', { desktopId: 'e'.repeat(32) as DesktopId, epoch: 1 })], /was not created/],
    ['a proven leaf somewhere else', (leaves) => [leaves[0]!, leaf('join-refused'), ...leaves.slice(1)], /of which this host has a receipt/],
  ];
  for (const [what, lie, found] of lies) test(`finds ${what}`, () => assert.match(findings(lie(story())).join('\n'), found));
});
