// What Godwit needs from the system: Debian packages, and the user QEMU runs as.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { SetupError, attempt, failure, findProgram, mustRun, say } from './command.mjs';

const PACKAGES = [
  'qemu-system-x86', // the emulator, with its firmware (seabios, ipxe-qemu)
  'qemu-utils', //      qemu-img
  'postgresql', //      the coordinator's database, as its private child process
  'util-linux', //      setpriv, unshare, flock
  'e2fsprogs', //       mke2fs for the test guest
  'passwd', //          useradd
  'xz-utils', //        newer kernels come with compressed modules
  'strace', //          tests let single system calls fail
];
/** The same by program name, for systems that aren't Debian. */
const PROGRAMS = ['qemu-system-x86_64', 'qemu-img', 'pg_ctl', 'setpriv', 'unshare', 'flock', 'mke2fs', 'strace', 'dpkg-deb', 'apt-get'];
/** QEMU runs as this user where the agent is root, so that an escape from the guest is nobody in particular. */
const QEMU_USER = 'godwit-qemu';
/** Debian would start a cluster of its own at installation; Godwit starts its own, private ones. */
const CLUSTER_SETTING = 'mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf';
const APT_OPTIONS = ['-qq', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3', '-o', 'Dpkg::Options::=--force-confold'];

export async function ensureSystem() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(`Godwit runs on Linux on x86-64; this is ${process.platform} on ${process.arch}`);
  }
  if (isDebian()) await ensurePackages(PACKAGES);
  else checkPrograms();
  if (process.getuid() === 0) await ensureQemuUser();
}

/** Packages that only some of our programs want, by the name of a program in each: `{ package: program }`. */
export async function ensureExtra(wanted) {
  const missing = Object.entries(wanted).filter(([, program]) => findProgram(program) === undefined).map(([name]) => name);
  if (missing.length === 0) return;
  if (!isDebian()) throw new SetupError(`this is no Debian system, so nothing is installed by itself. Missing programs: ${missing.map((name) => wanted[name]).join(', ')}`);
  await ensurePackages(missing);
}

function isDebian() {
  if (findProgram('apt-get') === undefined || findProgram('dpkg-query') === undefined) return false;
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return /^ID(_LIKE)?=.*\bdebian\b/m.test(text);
}

function checkPrograms() {
  const missing = PROGRAMS.filter((name) => findProgram(name) === undefined);
  if (missing.length === 0) return;
  throw new SetupError(`this is no Debian system, so nothing is installed by itself. Missing programs: ${missing.join(', ')}.\n`
    + `On Debian they come from: ${PACKAGES.join(' ')} (apt-get and dpkg-deb are needed for the test guest).`);
}

async function ensurePackages(packages) {
  const missing = await missingPackages(packages);
  if (missing.length === 0) return;
  const asRoot = await rootPrefix();
  if (asRoot === undefined) {
    throw new SetupError(`Debian packages are missing: ${missing.join(' ')}\nType this, then try again:\n\n  ${commandToType(missing)}\n`);
  }
  say(`installing Debian packages: ${missing.join(' ')}`);
  if (missing.includes('postgresql')) await mustRun('setting up postgresql-common', ...asRoot('sh', '-c', CLUSTER_SETTING));
  const install = () => attempt(...asRoot('apt-get', ...APT_OPTIONS, 'install', '-y', '--no-install-recommends', ...missing));
  // Lists may be absent (fresh image) or too old to be of use; both show only when they are used.
  if (listsAreThere() && (await install()).ok) return;
  // One dead mirror of many is no reason to stop, and apt-get calls an update that fetched nothing a success.
  const updated = await attempt(...asRoot('apt-get', ...APT_OPTIONS, 'update'));
  const installed = await install();
  if (!installed.ok) throw failure('apt-get update && apt-get install', `${updated.text}\n${installed.text}`);
}

async function missingPackages(packages) {
  const { text } = await attempt('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...packages]);
  return packages.filter((name) => !text.includes(`${name} installed\n`));
}

function listsAreThere() {
  const dir = '/var/lib/apt/lists';
  return existsSync(dir) && readdirSync(dir).some((name) => name.includes('_Packages'));
}

/** How to run a program as root: a function to `[program, args]`, or undefined where that needs a person. */
async function rootPrefix() {
  const asRoot = (prefix) => (...words) => {
    const [program, ...args] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', ...words];
    return [program, args];
  };
  if (process.getuid() === 0) return asRoot([]);
  if (findProgram('sudo') !== undefined && (await attempt('sudo', ['-n', 'true'])).ok) return asRoot(['sudo', '-n']);
  return undefined;
}

function commandToType(packages) {
  const steps = ['apt-get update', `apt-get install -y --no-install-recommends ${packages.join(' ')}`];
  if (packages.includes('postgresql')) steps.unshift(CLUSTER_SETTING);
  const become = findProgram('sudo') === undefined ? 'su -c' : 'sudo sh -c';
  return `${become} '${steps.join(' && ')}'`;
}

async function ensureQemuUser() {
  if (new RegExp(`^${QEMU_USER}:`, 'm').test(readFileSync('/etc/passwd', 'utf8'))) return;
  say(`adding the system user ${QEMU_USER}`);
  const kvm = /^kvm:/m.test(readFileSync('/etc/group', 'utf8')) ? ['--groups', 'kvm'] : [];
  await mustRun('useradd', findProgram('useradd') ?? 'useradd',
    ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', ...kvm, QEMU_USER]);
}
