import { createHash } from 'node:crypto';
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, type Log } from '@godwit/base';
import { QmpSession, queryCpuDefinitions, queryMachines, queryVersion, quit, setMigrationCapabilities, type MigrationCapability } from '@godwit/qemu';
import type { HostCapabilities } from './fitness.ts';
import { handOver, launch, type Privilege } from './privilege.ts';
import { QemuProcess } from './qemu-process.ts';

/** The firmware of contract version 1, by its file in QEMU's data directories. */
const firmwareFile = 'bios-256k.bin';
/** SeaBIOS says its first word within 100 ms under KVM; a KVM that cannot run guests never does. */
const kvmProbeMs = 1_500;

/**
 * Asks the QEMU of this host what it offers, with exactly the rights a desktop's QEMU will have: what root may do says
 * nothing about what its user may. Takes about half a second. Throws QEMU_MISSING, QEMU_ENDED.
 */
export async function probeCapabilities(options: { program: string; privilege: Privilege; scratchDirectory: string; log: Log }): Promise<HostCapabilities> {
  const { privilege, log } = options;
  const program = findProgram(options.program);
  mkdirSync(options.scratchDirectory, { recursive: true, mode: 0o711 });
  const directory = mkdtempSync(join(options.scratchDirectory, 'p'));
  try {
    handOver(privilege, directory, 0o700);
    const kvmRefusal = await probeKvm(program, privilege);
    const accelerator = kvmRefusal === undefined ? 'kvm' : 'tcg';
    const argv = ['-nodefaults', '-no-user-config', '-display', 'none', '-machine', `none,accel=${accelerator}`, '-incoming', 'defer', '-qmp', `unix:${join(directory, 'q')},server=on,wait=off`];
    const qemu = await QemuProcess.start({ privilege, program, argv, logFile: join(directory, 'log'), log, endsWithParent: true });
    const gone = new AbortController();
    void qemu.exited.then(() => gone.abort(new Fault('QEMU_ENDED', { subject: program })));
    const qmp = await QmpSession.connect(join(directory, 'q'), { signal: gone.signal });
    try {
      const version = await queryVersion(qmp);
      return {
        program,
        qemuVersion: `${version.major}.${version.minor}.${version.micro}`,
        machineTypes: (await queryMachines(qmp)).map((machine) => machine.name),
        cpuModels: new Map((await queryCpuDefinitions(qmp)).map((cpu) => [cpu.name, cpu.unavailableFeatures])),
        accelerator,
        kvmRefusal,
        postcopyRefusal: await refusalOf(qmp, 'postcopy-ram'),
        snapshotRefusal: await refusalOf(qmp, 'background-snapshot', 'postcopy-ram'),
        firmware: findFirmware(program),
      };
    } finally {
      await quit(qmp, { timeoutMs: 2_000 }).catch((error: unknown) => log.warn('probe-not-ended', { error }));
      await qemu.kill();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function findProgram(program: string): string {
  const found = program.includes('/') ? [program] : ['/usr/bin', '/usr/local/bin'].map((directory) => join(directory, program));
  const executable = found.find((path) => existsSync(path));
  if (executable === undefined) throw new Fault('QEMU_MISSING', { subject: program });
  return executable;
}

/** Why an incoming QEMU with these rights refuses `capability`, undefined where it does not. Only the incoming side asks the kernel. `off`: what goes not with it. */
async function refusalOf(qmp: QmpSession, capability: MigrationCapability, ...off: MigrationCapability[]): Promise<string | undefined> {
  try {
    await setMigrationCapabilities(qmp, [capability], off);
    return undefined;
  } catch (error) {
    const fault = Fault.from(error);
    if (fault.code !== 'QMP_COMMAND_FAILED') throw fault;
    return fault.found ?? 'QEMU refuses it';
  }
}

/**
 * Why guests do not run under KVM here. The device file proves nothing: on nested hosts without vmx and svm even SeaBIOS runs, and no
 * kernel ever gets up. So the processor must have one of them, and SeaBIOS has to speak.
 */
async function probeKvm(program: string, privilege: Privilege): Promise<string | undefined> {
  if (!existsSync('/dev/kvm')) return 'there is no /dev/kvm';
  if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'latin1'))) return 'the processor shows neither vmx nor svm';
  if (privilege.kind === 'self') {
    try {
      accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    } catch {
      return 'this user may not use /dev/kvm';
    }
  }
  const argv = ['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'pc-q35-7.2,accel=kvm', '-m', '64M', '-chardev', 'stdio,id=said', '-device', 'isa-debugcon,iobase=0x402,chardev=said'];
  const { program: file, argv: wrapped } = launch(privilege, program, argv, { endsWithParent: true });
  const child = spawn(file, wrapped, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const complaint: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => complaint.push(chunk.toString('latin1').slice(0, 500)));
  const spoke = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), kvmProbeMs);
    child.stdout.once('data', () => resolve(true));
    child.once('error', () => resolve(false));
    child.once('exit', () => {
      clearTimeout(timer);
      resolve(false);
    });
  });
  endGroup(child.pid);
  const said = complaint.join('').trim().split('\n').at(-1)?.slice(0, 200) ?? '';
  if (spoke) return undefined;
  return said === '' ? 'a guest does not run under it' : said;
}

/** The probe is the leader of its own process group: unshare, setpriv and QEMU end together. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function findFirmware(program: string): HostCapabilities['firmware'] {
  const directories = execFileSync(program, ['-L', 'help'], { encoding: 'utf8' }).trim().split('\n');
  const path = directories.map((directory) => join(directory, firmwareFile)).find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Fault('QEMU_MISSING', { subject: firmwareFile, expected: `it in ${directories.join(' or ')}` });
  const bytes = readFileSync(path);
  return { file: firmwareFile, lengthBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}
