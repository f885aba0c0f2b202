import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { Fault, type Log } from '@godwit/base';
import { launch, type Privilege } from './privilege.ts';
import { isRunning, processId, signalTo, type ProcessId } from './process-id.ts';

const pollMs = 100;
/** Of utime and stime in /proc/<pid>/stat: USER_HZ, on every Linux that Node runs on (proc(5)). */
const ticksPerSecond = 100;
/** unshare forks QEMU at once; a busy machine may take a while to schedule it. */
const forkDeadlineMs = 5_000;

/** QEMU as a process of this machine: started here, or found again after the agent's restart. */
export class QemuProcess {
  readonly id: ProcessId;
  /** Resolves when the process is gone, however it ended. */
  readonly exited: Promise<void>;
  #alive = true;

  private constructor(id: ProcessId, exited: Promise<void>) {
    this.id = id;
    this.exited = exited.then(() => void (this.#alive = false));
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Output goes to `logFile`. The process is in a session of its own: the agent's end does not take the desktop along, unless it `endsWithParent`. */
  static async start(options: { privilege: Privilege; program: string; argv: readonly string[]; logFile: string; log: Log; endsWithParent?: boolean }): Promise<QemuProcess> {
    const { program, argv } = launch(options.privilege, options.program, options.argv, { endsWithParent: options.endsWithParent === true });
    const output = openSync(options.logFile, 'a', 0o600);
    // An empty environment but for the path: nothing of the agent's reaches QEMU.
    const child = spawn(program, argv, { detached: true, stdio: ['ignore', output, output], env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
    closeSync(output);
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', (error) => {
        options.log.error('qemu-not-started', { error });
        resolve();
      });
    });
    const pid = child.pid === undefined ? undefined : options.privilege.kind === 'self' ? child.pid : await onlyChild(child.pid);
    const id = pid === undefined ? undefined : processId(pid);
    if (id === undefined) throw new Fault('QEMU_ENDED', { subject: options.program, hint: `read ${options.logFile}: ${lastLine(options.logFile)}` });
    return new QemuProcess(id, ended);
  }

  /** The process with that id if it still runs. */
  static find(id: ProcessId): QemuProcess | undefined {
    return isRunning(id) ? new QemuProcess(id, gone(id)) : undefined;
  }

  /** Ends it at once (SIGKILL) and waits until it is gone. */
  async kill(): Promise<void> {
    signalTo(this.id, 'SIGKILL');
    await this.exited;
  }

  /** What it has used of processors since it began, in milliseconds; 0 when it is gone. */
  processorMs(): number {
    try {
      const fields = readFileSync(`/proc/${this.id.pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ');
      return (Number(fields[11]) + Number(fields[12])) * (1_000 / ticksPerSecond);
    } catch {
      return 0; // The process ended between two looks; that is what the figure then says.
    }
  }

  /** Resident memory in bytes, 0 when it is gone. */
  residentBytes(): number {
    try {
      return Number(readFileSync(`/proc/${this.id.pid}/statm`, 'utf8').split(' ')[1]) * 4096;
    } catch {
      return 0; // The process ended between two looks; that is what the figure then says.
    }
  }
}

export function lastLine(logFile: string): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').at(-1) ?? '';
}

async function gone(id: ProcessId): Promise<void> {
  while (isRunning(id)) await sleep(pollMs);
}

async function onlyChild(parent: number): Promise<number | undefined> {
  for (let waitedMs = 0; waitedMs < forkDeadlineMs; waitedMs += 2) {
    try {
      const [child] = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ');
      if (child !== undefined && child !== '') return Number(child);
    } catch {
      return undefined; // The parent ended: it could not start QEMU and said why in the log.
    }
    await sleep(2);
  }
  return undefined;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
