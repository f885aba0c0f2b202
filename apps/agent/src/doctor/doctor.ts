import { statfs } from 'node:fs/promises';
import { Fault, type Clock } from '@godwit/base';
import type { ControlResult, DoctorFinding } from '@godwit/wire';
import type { Account } from '../account/account.ts';
import { coreDumpsForbidden } from '../account/core-dumps.ts';
import { credentialKeeper } from '../account/home-key.ts';
import { bytesText, durationText } from '../cli/figures.ts';
import type { Home } from '../home.ts';
import type { HostCapabilities } from '../machine/fitness.ts';
import type { Privilege } from '../machine/privilege.ts';

export interface Patient {
  readonly home: Home;
  readonly account: Account | undefined;
  readonly locked: boolean;
  readonly privilege: Privilege;
  readonly capabilities: () => Promise<HostCapabilities>;
  /** Why this host does not hear from logind that the machine is about to sleep. */
  readonly sleepRefusal: () => string | undefined;
  readonly clock: Clock;
}

/** Below this a desktop's overlay soon finds no room. */
const diskFreeBytesMin = 4 * 2 ** 30;

/** Checks one after the other, and stops where nothing after it could work. */
export async function doctor(patient: Patient): Promise<ControlResult<'doctor'>> {
  const findings: DoctorFinding[] = [];
  for (const check of [checkQemu, checkPrivilege, checkAcceleration, checkPostcopy, checkDisk, checkAccount, checkKeys, checkDumps, checkSleep, checkCoordinator]) {
    const finding = await check(patient);
    findings.push(finding);
    if (finding.state === 'bad') break;
  }
  const states = new Set(findings.map(({ state }) => state));
  return { findings, verdict: states.has('bad') ? 'bad' : states.has('degraded') ? 'degraded' : 'good' };
}

const good = (check: string, found: string): DoctorFinding => ({ check, state: 'good', found, hint: null });

async function checkQemu({ capabilities }: Patient): Promise<DoctorFinding> {
  try {
    const { program, qemuVersion } = await capabilities();
    return good('QEMU', `${qemuVersion} (${program})`);
  } catch (error) {
    const fault = Fault.from(error);
    return { check: 'QEMU', state: 'bad', found: fault.message, hint: fault.hint };
  }
}

async function checkPrivilege({ privilege }: Patient): Promise<DoctorFinding> {
  const found = privilege.kind === 'self' ? 'QEMU runs as this user' : `QEMU runs as user ${privilege.uid} with CAP_SYS_PTRACE alone, in its own PID namespace`;
  return Promise.resolve(good('rights', found));
}

async function checkAcceleration({ capabilities }: Patient): Promise<DoctorFinding> {
  const { accelerator, kvmRefusal } = await capabilities();
  if (accelerator === 'kvm') return good('acceleration', 'KVM: a guest ran under it');
  return { check: 'acceleration', state: 'degraded', found: `software emulation: ${kvmRefusal ?? 'KVM refuses'}`, hint: 'switch virtualization on in the firmware, and let the user that QEMU runs as use /dev/kvm (group kvm)' };
}

async function checkPostcopy({ capabilities }: Patient): Promise<DoctorFinding> {
  const { postcopyRefusal, qemuVersion } = await capabilities();
  if (postcopyRefusal === undefined) return good('memory on demand', 'userfaultfd: a desktop runs before its memory has arrived');
  const mend = Number(qemuVersion.split('.')[0]) >= 8 ? 'give this user read and write on /dev/userfaultfd (udev rule)' : 'set vm.unprivileged_userfaultfd=1, or run the agent as a system service';
  return { check: 'memory on demand', state: 'degraded', found: `resumes are eager: ${postcopyRefusal}`, hint: mend };
}

async function checkDisk({ home }: Patient): Promise<DoctorFinding> {
  const { bavail, bsize } = await statfs(home.directory);
  const found = `${bytesText(bavail * bsize)} free in ${home.directory}`;
  return bavail * bsize >= diskFreeBytesMin ? good('disk', found) : { check: 'disk', state: 'degraded', found, hint: 'free some space: a desktop needs room for what it writes' };
}

async function checkAccount({ account, locked }: Patient): Promise<DoctorFinding> {
  if (locked) return Promise.resolve({ check: 'account', state: 'bad', found: 'this host is locked', hint: 'give its passphrase with `godwit unlock`' });
  if (account === undefined) return Promise.resolve({ check: 'account', state: 'bad', found: 'this host belongs to no account', hint: 'run `godwit init` for a new account, or `godwit join` for one you have' });
  return Promise.resolve(good('account', `host ${account.settings.hostName}, fingerprint ${account.fingerprint}`));
}

async function checkKeys({ account, home }: Patient): Promise<DoctorFinding> {
  const { keyStore } = account!;
  const check = 'keys';
  if (keyStore.kind === 'passphrase') return good(check, 'sealed under a passphrase: the host is locked after each start of the agent');
  if (keyStore.kind === 'file') return { check, state: 'degraded', found: `in files of mode 0600, not sealed${keyStore.refusal === undefined ? '' : `: ${keyStore.refusal}`}`, hint: 'who can read this disk has the keys: enrol with --passphrase, or where systemd-creds works for this user' };
  if (keyStore.isPlain(home.deviceKeyFile)) return { check, state: 'degraded', found: 'a key file from before there was a seal', hint: 'it is sealed at the next revocation; or enrol this host anew' };
  return good(check, `sealed by systemd-creds (${await credentialKeeper()})`);
}

async function checkDumps(): Promise<DoctorFinding> {
  if (coreDumpsForbidden()) return Promise.resolve(good('core dumps', 'none of the agent or of what it starts'));
  return Promise.resolve({ check: 'core dumps', state: 'degraded', found: 'a crash could leave keys on the disk', hint: 'install prlimit (util-linux), or start the agent with `ulimit -c 0`' });
}

async function checkSleep({ sleepRefusal }: Patient): Promise<DoctorFinding> {
  const refusal = sleepRefusal();
  if (refusal === undefined) return Promise.resolve(good('sleep', 'logind tells before this machine sleeps, and waits until its desktops stand still'));
  return Promise.resolve({ check: 'sleep', state: 'degraded', found: `desktops are paused when this machine has woken up, not before it sleeps: ${refusal}`, hint: 'on a machine that sleeps run the agent where it reaches logind (systemd-inhibit, gdbus, the system bus)' });
}

async function checkCoordinator({ account, clock }: Patient): Promise<DoctorFinding> {
  const startedMs = clock.workMs();
  try {
    await account!.refreshChain();
    return good('coordinator', `${account!.settings.coordinator} answered in ${durationText(clock.workMs() - startedMs)}`);
  } catch (error) {
    const fault = Fault.from(error);
    return { check: 'coordinator', state: 'bad', found: fault.message, hint: fault.hint };
  }
}
