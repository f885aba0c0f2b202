import { Fault } from '@godwit/base';
import { bytesText } from '../cli/figures.ts';
import { machineOfNewDesktops } from '../machine/contract.ts';
import { good, ill, type Check } from './patient.ts';

/** Looks at this machine: QEMU, its rights, KVM, userfaultfd, the disk. */

/** Below this a desktop's overlay soon finds no room. */
export const diskFreeBytesMin = 4 * 2 ** 30;
/** Below this a guest waits for its disk, and a departure for the agent's. */
export const writeBytesPerSecondMin = 30 * 2 ** 20;
const restart = 'then restart the agent';

export const checkQemu: Check = async ({ capabilities }) => {
  try {
    const { program, qemuVersion } = await capabilities();
    return good('qemu', 'QEMU', `${qemuVersion} (${program})`);
  } catch (error) {
    const fault = Fault.from(error);
    return ill('qemu', 'QEMU', fault.message, fault.hint, 'bad');
  }
};

/** A desktop keeps the versioned machine that it was made with: a host runs those that its QEMU knows. */
export const checkMachines: Check = async ({ capabilities }) => {
  const { machineTypes, firmware } = await capabilities();
  const versions = machineTypes.flatMap((name) => /^pc-q35-(\d+\.\d+)$/.exec(name)?.[1] ?? []).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  if (!machineTypes.includes(machineOfNewDesktops)) return ill('machine-types', 'machine types', `this QEMU does not know ${machineOfNewDesktops}, which desktops are made with`, 'install QEMU 7.2 or newer (qemu-system-x86), not a cut-down one', 'bad');
  return good('machine-types', 'machine types', `pc-q35 ${versions[0]} to ${versions.at(-1)}, firmware ${firmware.file}`);
};

export const checkPrivilege: Check = ({ privilege }) => {
  const found = privilege.kind === 'self' ? 'QEMU runs as this user' : `QEMU runs as user ${privilege.uid} with CAP_SYS_PTRACE alone, in its own PID namespace`;
  return Promise.resolve(good('rights', 'rights', found));
};

export const checkAcceleration: Check = async ({ capabilities }) => {
  const { accelerator, kvmRefusal } = await capabilities();
  if (accelerator === 'kvm') return good('kvm', 'acceleration', 'KVM: a guest ran under it');
  return ill('kvm', 'acceleration', `software emulation: ${kvmRefusal ?? 'KVM refuses'}`, `switch virtualization on in the firmware, let the user that QEMU runs as use /dev/kvm (\`sudo adduser USER kvm\`), ${restart}`);
};

export const checkPostcopy: Check = async ({ capabilities }) => {
  const { postcopyRefusal, qemuVersion } = await capabilities();
  if (postcopyRefusal === undefined) return good('userfaultfd', 'memory on demand', 'userfaultfd: a desktop runs before its memory has arrived');
  return ill('userfaultfd', 'memory on demand', `resumes are eager: ${postcopyRefusal}`, mendUserfaultfd(qemuVersion));
};

export const checkSnapshots: Check = async ({ capabilities }) => {
  const { snapshotRefusal, qemuVersion } = await capabilities();
  if (snapshotRefusal === undefined) return good('background-snapshot', 'background snapshots', 'userfaultfd: a checkpoint of a running desktop pauses it for milliseconds');
  return ill('background-snapshot', 'background snapshots', `checkpoints of running desktops are taken by pre-copy: ${snapshotRefusal}`, mendUserfaultfd(qemuVersion));
};

function mendUserfaultfd(qemuVersion: string): string {
  const mend = Number(qemuVersion.split('.')[0]) >= 8 ? 'give this user read and write on /dev/userfaultfd (udev rule)' : 'set vm.unprivileged_userfaultfd=1, or run the agent as a system service';
  return `${mend}, ${restart}`;
}

export const checkDisk: Check = async ({ home, freeBytes, writeBytesPerSecond }) => {
  const free = await freeBytes(home.directory);
  const found = `${bytesText(free)} free in ${home.directory}`;
  if (free < diskFreeBytesMin) return ill('disk', 'disk', found, 'free some space: a desktop needs room for what it writes');
  const rate = await writeBytesPerSecond(home.directory);
  const both = `${found}, written at ${bytesText(rate)}/s`;
  return rate >= writeBytesPerSecondMin ? good('disk', 'disk', both) : ill('disk-slow', 'disk', both, 'something else keeps the disk busy, or it is a slow one: put GODWIT_HOME on a faster disk');
};

export const checkCache: Check = async ({ cache }) => {
  const { bytes, limitBytes, budgetBytes } = await cache();
  if (limitBytes === 0) return ill('cache', 'cache', 'it is switched off: a desktop that comes back is fetched whole', 'give it room with `godwit cache --limit default`');
  const found = `${bytesText(bytes)} of at most ${bytesText(limitBytes)}`;
  if (budgetBytes < limitBytes) return ill('cache', 'cache', `${found}, ${bytesText(budgetBytes)} now: the disk is nearly full`, 'free some space, or say how much it may take with `godwit cache --limit 5G`');
  return good('cache', 'cache', found);
};

export const checkDumps: Check = ({ dumpsForbidden }) =>
  Promise.resolve(
    dumpsForbidden()
      ? good('core-dumps', 'core dumps', 'none of the agent or of what it starts')
      : ill('core-dumps', 'core dumps', 'a crash could leave keys on the disk', 'install prlimit (util-linux), or start the agent with `ulimit -c 0`'),
  );

export const checkSleep: Check = ({ sleepRefusal }) => {
  const refusal = sleepRefusal();
  if (refusal === undefined) return Promise.resolve(good('sleep', 'sleep', 'logind tells before this machine sleeps, and waits until its desktops stand still'));
  return Promise.resolve(ill('sleep', 'sleep', `desktops are paused when this machine has woken up, not before it sleeps: ${refusal}`, 'on a machine that sleeps run the agent where it reaches logind (systemd-inhibit, gdbus, the system bus)'));
};

export const checkNotices: Check = async ({ noticeRefusal }) => {
  const refusal = await noticeRefusal();
  if (refusal === undefined) return good('notifications', 'notifications', 'shown on the desktop of this user');
  return ill('notifications', 'notifications', `none are shown: ${refusal}`, 'run the agent in your session, or as root with GODWIT_NOTIFY_USER=NAME in its environment; install gdbus (libglib2.0-bin)');
};
