import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Fault } from '@godwit/base';
import type { Account } from '../account/account.ts';
import { homeAt, type Home } from '../home.ts';
import type { HostCapabilities } from '../machine/fitness.ts';
import { doctor } from './doctor.ts';
import type { Patient } from './patient.ts';

const capable: HostCapabilities = {
  program: '/usr/bin/qemu-system-x86_64', qemuVersion: '7.2.22', machineTypes: ['pc-q35-7.1', 'pc-q35-7.2', 'pc-q35-2.4', 'none'], cpuModels: new Map(), accelerator: 'kvm',
  kvmRefusal: undefined, postcopyRefusal: undefined, snapshotRefusal: undefined, firmware: { file: 'bios-256k.bin', lengthBytes: 1, sha256: '0' },
};
const keyStore = { kind: 'passphrase', refusal: undefined, isPlain: () => false } as unknown as Account['keyStore'];
const account = { settings: { hostName: 'laptop-a', coordinator: 'http://c' }, fingerprint: '1 2', keyStore, refreshChain: () => Promise.resolve({ devices: new Map([['a', {}]]) }) } as unknown as NonNullable<Patient['account']>;
const gib = 2 ** 30;
const roomy = { desktops: { used: 1, most: 1024 }, bytes: { used: 8 * gib, most: 10 * gib }, movesPerHour: { used: 0, most: 60 } };

/** Every fault that the doctor knows, injected one at a time into a host that is well. */
describe('the doctor', () => {
  let home: Home;
  before(() => {
    home = homeAt(mkdtempSync(join(tmpdir(), 'godwit-doc-')));
    writeFileSync(home.deviceKeyFile, 'key', { mode: 0o600 });
  });
  after(() => rmSync(home.directory, { recursive: true }));

  const well = (more: Partial<Patient> = {}): Patient => ({
    home, account, locked: false, privilege: { kind: 'self' }, capabilities: () => Promise.resolve(capable), dumpsForbidden: () => true, sleepRefusal: () => undefined, noticeRefusal: () => Promise.resolve(undefined), freeBytes: () => Promise.resolve(100 * gib),
    writeBytesPerSecond: () => Promise.resolve(gib), cache: () => Promise.resolve({ bytes: 0, limitBytes: gib, budgetBytes: gib }), coordinatorLink: () => Promise.resolve({ roundTripMs: 3, aheadMs: 200 }),
    storeLink: () => Promise.resolve({ roundTripMs: 3, bytes: gib, bytesPerSecond: gib }), quotas: () => Promise.resolve(roomy), fix: false, ...more,
  });
  const can = (more: Partial<HostCapabilities>): Partial<Patient> => ({ capabilities: () => Promise.resolve({ ...capable, ...more }) });
  const fails = (code: ConstructorParameters<typeof Fault>[0]) => () => Promise.reject(new Fault(code, { subject: 'injected' }));

  test('finds nothing where nothing is wrong, and looks at everything', async () => {
    const { findings, verdict } = await doctor(well());
    assert.equal(verdict, 'good');
    assert.deepEqual(findings.filter(({ state, hint, fix, fixed }) => state !== 'good' || hint !== null || fix !== null || fixed), []);
    assert.equal(new Set(findings.map(({ code }) => code)).size, findings.length);
    assert.deepEqual(findings.map(({ code }) => code), ['qemu', 'machine-types', 'rights', 'kvm', 'userfaultfd', 'background-snapshot', 'disk', 'core-dumps', 'sleep', 'notifications', 'account', 'keys', 'permissions', 'cache', 'coordinator', 'clock', 'membership', 'store', 'quotas']);
  });

  test('takes it for no fault that an account has the few desktops that it may have, and for one that it has more', async () => {
    const of = async (used: number, most: number) => doctor(well({ quotas: () => Promise.resolve({ ...roomy, desktops: { used, most } }) }));
    const { findings, verdict } = await of(1, 1);
    assert.deepEqual([verdict, findings.at(-1)?.found], ['good', 'the account has its 1 of 1 desktops, and is far from what else it may have']);
    assert.equal((await of(2, 1)).verdict, 'degraded');
    assert.equal((await of(18, 20)).verdict, 'degraded');
  });

  const degraded: [string, Partial<Patient>, RegExp, RegExp][] = [
    ['kvm', can({ accelerator: 'tcg', kvmRefusal: 'there is no /dev/kvm' }), /no \/dev\/kvm/, /restart the agent/],
    ['userfaultfd', can({ postcopyRefusal: 'Postcopy is not supported' }), /resumes are eager/, /vm\.unprivileged_userfaultfd=1/],
    ['userfaultfd', can({ postcopyRefusal: 'Operation not permitted', qemuVersion: '10.0.2' }), /eager/, /\/dev\/userfaultfd/],
    ['background-snapshot', can({ snapshotRefusal: 'not supported by host kernel' }), /pre-copy: not supported by host kernel/, /userfaultfd/],
    ['disk', { freeBytes: () => Promise.resolve(gib) }, /1\.0 GiB free/, /free some space/],
    ['disk-slow', { writeBytesPerSecond: () => Promise.resolve(2 ** 20) }, /1\.0 MiB\/s/, /faster disk/],
    ['core-dumps', { dumpsForbidden: () => false }, /keys on the disk/, /prlimit/],
    ['sleep', { sleepRefusal: () => 'no system bus' }, /no system bus/, /logind/],
    ['notifications', { noticeRefusal: () => Promise.resolve('gdbus is not installed') }, /gdbus is not installed/, /GODWIT_NOTIFY_USER/],
    ['keys', { account: { ...account, keyStore: { kind: 'file', refusal: 'systemd-creds: no', isPlain: () => false } as unknown as Account['keyStore'] } }, /not sealed: systemd-creds: no/, /--passphrase/],
    ['cache', { cache: () => Promise.resolve({ bytes: 0, limitBytes: 0, budgetBytes: 0 }) }, /switched off/, /godwit cache --limit default/],
    ['cache', { cache: () => Promise.resolve({ bytes: 0, limitBytes: gib, budgetBytes: 1 }) }, /nearly full/, /free some space/],
    ['clock', { coordinatorLink: () => Promise.resolve({ roundTripMs: 3, aheadMs: -90_000 }) }, /1 min 30 s behind/, /timedatectl/],
    ['store-slow', { storeLink: () => Promise.resolve({ roundTripMs: 900, bytes: 4096, bytesPerSecond: 4096 }) }, /4\.0 KiB\/s, round trip 900 ms/, /slow/],
    ['store', { storeLink: fails('STORE_UNAVAILABLE') }, /STORE_UNAVAILABLE/, /saved on this machine only/],
    ['quotas', { quotas: () => Promise.resolve({ ...roomy, bytes: { used: 9.5 * gib, most: 10 * gib }, movesPerHour: { used: 0, most: 0 } }) }, /^9\.5 GiB of 10\.0 GiB in the store, 0 of 0 moves an hour$/, /godwit prune/],
    ['quotas', { quotas: fails('COORDINATOR_UNREACHABLE') }, /COORDINATOR_UNREACHABLE/, /network/],
  ];
  for (const [code, injected, found, hint] of degraded) {
    test(`${code}: ${String(found)} is told, and all else is looked at`, async () => {
      const { findings, verdict } = await doctor(well(injected));
      assert.equal(verdict, 'degraded');
      assert.equal(findings.length, 19);
      const [ill, ...more] = findings.filter(({ state }) => state !== 'good');
      assert.deepEqual([ill?.code, ill?.state, more], [code, 'degraded', []]);
      assert.match(ill!.found, found);
      assert.match(ill!.hint!, hint);
    });
  }

  const bad: [string, Partial<Patient>, RegExp][] = [
    ['qemu', { capabilities: fails('QEMU_MISSING') }, /install qemu-system-x86/],
    ['machine-types', can({ machineTypes: ['pc-q35-6.2', 'none'] }), /QEMU 7\.2 or newer/],
    ['locked', { account: undefined, locked: true }, /godwit unlock/],
    ['not-enrolled', { account: undefined }, /godwit init/],
    ['coordinator', { coordinatorLink: fails('COORDINATOR_UNREACHABLE') }, /network/],
    ['clock', { coordinatorLink: () => Promise.resolve({ roundTripMs: 3, aheadMs: 400_000 }) }, /timedatectl/],
    ['membership', { account: { ...account, refreshChain: fails('HOST_REVOKED') } }, /join again/],
  ];
  for (const [code, injected, hint] of bad) {
    test(`${code}: nothing after it is looked at`, async () => {
      // Whatever would come later is broken too: the cause is told, not what follows from it.
      const { findings, verdict } = await doctor(well({ storeLink: fails('STORE_UNAVAILABLE'), ...injected }));
      assert.equal(verdict, 'bad');
      assert.deepEqual(findings.filter(({ state }) => state !== 'good').map((finding) => finding.code), [code]);
      assert.equal(findings.at(-1)?.code, code);
      assert.match(findings.at(-1)!.hint!, hint);
    });
  }

  test('a clock that is five minutes off is told before the signature that is refused for it', async () => {
    const { findings } = await doctor(well({ coordinatorLink: () => Promise.resolve({ roundTripMs: 3, aheadMs: 301_000 }), account: { ...account, refreshChain: fails('REQUEST_SIGNATURE_REFUSED') } }));
    assert.deepEqual(findings.filter(({ state }) => state !== 'good').map(({ code }) => code), ['clock']);
  });

  test('a key that others may read is told, and closed with --fix alone', async () => {
    chmodSync(home.deviceKeyFile, 0o644);
    const told = (await doctor(well())).findings.find(({ code }) => code === 'permissions')!;
    assert.deepEqual([told.state, told.fix, told.fixed, statSync(home.deviceKeyFile).mode & 0o777], ['degraded', `chmod 600 ${home.deviceKeyFile}`, false, 0o644]);
    assert.match(told.hint!, /godwit doctor --fix/);
    const mended = (await doctor(well({ fix: true }))).findings.find(({ code }) => code === 'permissions')!;
    assert.deepEqual([mended.state, mended.fixed, statSync(home.deviceKeyFile).mode & 0o777], ['good', true, 0o600]);
    assert.match(mended.found, /godwit revoke/);
    assert.equal((await doctor(well({ fix: true }))).findings.find(({ code }) => code === 'permissions')?.fixed, false);
  });
});
