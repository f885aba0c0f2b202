import { deepEqual, equal, rejects } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Fault, systemRandom, type DesktopId, type FaultCode } from '@godwit/base';
import { createDevice, cryptoReady, signOfflinePolicy, type DeviceSecrets } from '@godwit/crypto';
import { textOf, type OfflineMode } from '@godwit/wire';
import { acceptPolicy, type AcceptedPolicy } from './accept-policy.ts';
import type { Account } from './account.ts';
import { PolicyMemory } from './policy-memory.ts';

const desktop = { desktopId: 'd'.repeat(32) as DesktopId, name: 'work' };

describe('an offline policy that a coordinator shows', () => {
  const directory = mkdtempSync('/tmp/godwit-policy-');
  const file = join(directory, 'seen-policies');
  let laptop: DeviceSecrets;
  let lost: DeviceSecrets;
  let stranger: DeviceSecrets;
  let account: Account;

  before(async () => {
    await cryptoReady();
    [laptop, lost, stranger] = [createDevice(systemRandom), createDevice(systemRandom), createDevice(systemRandom)];
  });
  after(() => rmSync(directory, { recursive: true }));
  beforeEach(() => {
    rmSync(file, { force: true });
    begin();
  });

  /** An agent that begins, with what is on disk. */
  const begin = (): void => {
    const devices = new Map([
      [laptop.hostId, { device: laptop, name: 'laptop', addedAt: 0, revokedAt: undefined }],
      [lost.hostId, { device: lost, name: 'lost', addedAt: 1, revokedAt: 2 }],
    ]);
    account = { chain: { state: { devices } }, policies: PolicyMemory.load(file) } as unknown as Account;
  };

  const signed = (mode: OfflineMode, signedMs: number, by = laptop, desktopId = desktop.desktopId): string => textOf(signOfflinePolicy({ desktopId, mode, signedMs }, by));
  const accept = (offline: OfflineMode | null, offlinePolicy: string | null): Promise<AcceptedPolicy> => acceptPolicy(account, desktop, { offline, offlinePolicy });
  const refused = async (offline: OfflineMode | null, policy: string | null, code: FaultCode): Promise<void> => {
    const before = account.policies.seen(desktop.desktopId);
    await rejects(accept(offline, policy), (error) => error instanceof Fault && error.code === code);
    deepEqual(account.policies.seen(desktop.desktopId), before, 'what was refused is not remembered');
  };

  test('none: kept unless the coordinator says stop, which is obeyed', async () => {
    deepEqual(await accept('keep', null), { offline: 'keep', offlineSignedMs: 0, signedBy: null });
    deepEqual(await accept(null, null), { offline: 'keep', offlineSignedMs: 0, signedBy: null });
    deepEqual(await accept('stop', null), { offline: 'stop', offlineSignedMs: 0, signedBy: null });
  });

  test('signed: it counts, and "keep" for one that says stop is refused; "stop" for one that says keep is obeyed', async () => {
    deepEqual(await accept('stop', signed('stop', 5)), { offline: 'stop', offlineSignedMs: 5, signedBy: 'laptop' });
    await refused('keep', signed('stop', 6), 'POLICY_INVALID');
    deepEqual(await accept(null, signed('stop', 7)), { offline: 'stop', offlineSignedMs: 7, signedBy: 'laptop' });
    equal((await accept('stop', signed('keep', 8))).offline, 'stop');
    equal((await accept('keep', signed('keep', 8))).offline, 'keep');
  });

  test('older than one that was seen, none, or another one of the same time: refused, by the next agent too', async () => {
    const policy = signed('stop', 10);
    await accept('stop', policy);
    begin();
    await refused('keep', signed('keep', 9), 'POLICY_OUTDATED');
    await refused('keep', signed('keep', 10), 'POLICY_INVALID');
    await refused('keep', null, 'POLICY_OUTDATED');
    equal((await accept('stop', policy)).offlineSignedMs, 10);
    equal((await accept('keep', signed('keep', 11))).offline, 'keep');
  });

  test('for another desktop, by another account, or changed in a byte: refused', async () => {
    await refused('stop', signed('stop', 5, laptop, 'e'.repeat(32) as DesktopId), 'POLICY_INVALID');
    await refused('stop', signed('stop', 5, stranger), 'DEVICE_UNKNOWN');
    const bytes = signOfflinePolicy({ desktopId: desktop.desktopId, mode: 'stop', signedMs: 5 }, laptop);
    bytes[5] = 0; // The mode: keep.
    await refused('keep', textOf(bytes), 'SIGNATURE_INVALID');
    await refused('keep', textOf(bytes.subarray(1)), 'POLICY_INVALID');
  });

  test('by a device that was revoked: its stop is obeyed, its keep lifts no stop, and neither is remembered unless it was seen before', async () => {
    deepEqual(await accept('stop', signed('stop', 1e15, lost)), { offline: 'stop', offlineSignedMs: 0, signedBy: 'lost' });
    equal(account.policies.seen(desktop.desktopId), undefined);
    equal((await accept('keep', signed('keep', 1e15, lost))).offline, 'keep');
    await accept('stop', signed('stop', 10));
    await refused('keep', signed('keep', 1e15, lost), 'POLICY_INVALID');
    equal((await accept('keep', signed('keep', 11))).offlineSignedMs, 11, 'a time far in the future, by a thief, shuts nobody out');
    const own = signed('stop', 12, lost);
    await account.policies.remember(desktop.desktopId, { mode: 'stop', signedMs: 12, policy: own });
    deepEqual(await accept('stop', own), { offline: 'stop', offlineSignedMs: 12, signedBy: 'lost' });
  });

  test('a memory that cannot be read is no reason to believe everything', () => {
    writeFileSync(file, '{}');
    try {
      PolicyMemory.load(file);
      throw new Error('it was loaded');
    } catch (error) {
      equal(error instanceof Fault && error.code, 'RECORD_DAMAGED');
    }
  });
});
