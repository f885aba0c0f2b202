import { rejects } from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Fault, systemRandom, type AccountId, type DesktopId, type HostId } from '@godwit/base';
import { cryptoReady, encodeLeaf, logKeyFromSeed, rootOfLeaves, signTreeHead, type AuditLeaf } from '@godwit/crypto';
import { textOf } from '@godwit/wire';
import type { Account } from '../account/account.ts';
import { proveAcquired } from './prove.ts';

const accountId = 'a1'.repeat(16) as AccountId;
const desktopId = 'd1'.repeat(16) as DesktopId;
const [me, other] = ['11'.repeat(16) as HostId, '22'.repeat(16) as HostId];

describe("the proof of one's own epoch", () => {
  before(cryptoReady);

  /** A host whose coordinator has these leaves about the desktop, each in a log of its own. */
  function accountWith(...leaves: readonly Partial<AuditLeaf>[]): Account {
    const key = logKeyFromSeed(systemRandom(32));
    const audience = 'coordinator-test';
    const receipt = (_desktopId: DesktopId, kind: string, number: number) => {
      const found = leaves.find((leaf) => leaf.kind === kind && leaf.epoch === number);
      if (found === undefined) return Promise.reject(new Fault('LEAF_NOT_FOUND'));
      const leaf = encodeLeaf({ accountId, kind, hostId: me, desktopId, subject: null, epoch: null, sequence: null, digest: null, timeMs: 1, witness: null, ...found });
      const head = signTreeHead({ audience, size: 1, root: rootOfLeaves([leaf]), timeMs: 2 }, key.signSecret);
      return Promise.resolve({ answer: { index: 0, leaf: textOf(leaf), inclusion: [], head: textOf(head.bytes), consistency: [], witnessed: [] }, head });
    };
    return { accountId, device: { hostId: me }, logWatch: { key: { audience, signPublic: key.signPublic }, receipt } } as unknown as Account;
  }

  test('is the creation, an acquisition or a take-over by this host, whichever the log has', async () => {
    await proveAcquired(accountWith({ kind: 'desktop-created', epoch: 1 }), desktopId, 1);
    await proveAcquired(accountWith({ kind: 'desktop-acquired', epoch: 4 }), desktopId, 4);
    await proveAcquired(accountWith({ kind: 'desktop-taken-over', epoch: 4, subject: other }), desktopId, 4);
  });

  test('is none by another host, for another epoch, of another desktop, or none at all', async () => {
    for (const kind of ['desktop-acquired', 'desktop-taken-over']) {
      await rejects(proveAcquired(accountWith({ kind, epoch: 4, hostId: other }), desktopId, 4), { code: 'LOG_PROOF_INVALID', subject: 'hostId' }, kind);
      await rejects(proveAcquired(accountWith({ kind, epoch: 4, desktopId: 'd2'.repeat(16) as DesktopId }), desktopId, 4), { code: 'LOG_PROOF_INVALID', subject: 'desktopId' }, kind);
      await rejects(proveAcquired(accountWith({ kind, epoch: 3 }), desktopId, 4), { code: 'LEAF_NOT_FOUND' }, kind);
    }
    await rejects(proveAcquired(accountWith({ kind: 'desktop-taken-over', epoch: 1 }), desktopId, 1), { code: 'LEAF_NOT_FOUND' }, 'nobody takes over what nobody made');
    await rejects(proveAcquired(accountWith({ kind: 'desktop-acquired', epoch: 4, hostId: other }, { kind: 'desktop-taken-over', epoch: 4 }), desktopId, 4), { code: 'LOG_PROOF_INVALID' }, 'one epoch granted twice');
  });
});
