import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** strace as a maker of faults: the n-th system call of one kind that touches one of some paths fails, or kills its process. */

/** By which a durable file is made or replaced, and a folder made and removed. */
export const fileCalls = ['openat', 'write', 'fsync', 'rename', 'link', 'close', 'mkdir', 'unlink', 'rmdir'] as const;
export const injections = ['EIO', 'ENOSPC', 'SIGKILL'] as const;

export interface Inject {
  readonly call: (typeof fileCalls)[number];
  readonly kind: (typeof injections)[number];
  /** Counts from 1, only calls that touch the paths. */
  readonly nth: number;
}

const detachMs = 2_000;

/** One thread for files, so that calls have one order, and no ring in which strace sees nothing. */
export const traceable = { UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' } as const;

export function straceIsMissing(): string | undefined {
  return spawnSync('strace', ['--version']).status === 0 ? undefined : 'strace is not installed';
}

function words(paths: readonly string[], trace: string, inject: Inject | undefined): string[] {
  const what = inject === undefined ? [] : ['-e', `inject=${inject.call}:${inject.kind === 'SIGKILL' ? 'signal' : 'error'}=${inject.kind}:when=${inject.nth}`];
  return ['-f', '-qq', '-e', `trace=${fileCalls.join(',')}`, ...what, ...paths.flatMap((path) => ['-P', path]), '-o', trace];
}

export interface Traced {
  readonly stdout: string;
  readonly killed: boolean;
  /** The lines of strace, without process ids. */
  readonly calls: readonly string[];
  /** How often each call was made by the thread that made it most often: strace counts for each thread by itself. */
  readonly counts: ReadonlyMap<Inject['call'], number>;
  /** Whether the call was there. */
  readonly hit: boolean;
}

/** Runs a program from its beginning to its end. */
export function runTraced(program: readonly string[], environment: Readonly<Record<string, string>>, paths: readonly string[], trace: string, inject?: Inject): Traced {
  const settings = [...Object.entries({ ...environment, ...traceable }).map(([name, value]) => `${name}=${value}`), 'NODE_COMPILE_CACHE'].flatMap((word) => ['-E', word]);
  // The kernel itself lets all other calls pass: without that each of the thousands by which Node loads its modules would stop for strace.
  // Signals are then not sent, though.
  const filter = inject?.kind === 'SIGKILL' ? [] : ['--seccomp-bpf'];
  const { stdout, status, signal, stderr } = spawnSync('strace', [...filter, ...words(paths, trace, inject), ...settings, ...program], { encoding: 'utf8' });
  // Node itself gives up (SIGABRT) where a file that it read cannot be closed: as good as killed.
  const killed = signal === 'SIGKILL' || signal === 'SIGABRT';
  if (!killed && status !== 0) throw new Error(`${program.join(' ')} ended with ${status}: ${stderr}`);
  const calls = callsIn(trace);
  const counts = countsIn(trace);
  // One that was killed in its call has no result there, or none at all.
  return { stdout, killed, calls, counts, hit: killed || calls.some((line) => line.includes('(INJECTED)')) };
}

function callsIn(trace: string): string[] {
  return linesIn(trace).map((line) => line.replace(/^\d+\s+/, ''));
}

function countsIn(trace: string): Map<Inject['call'], number> {
  const perThread = Map.groupBy(linesIn(trace), (line) => line.split(' ')[0]!);
  return new Map(fileCalls.map((call) => [call, Math.max(0, ...[...perThread.values()].map((lines) => lines.filter((line) => line.includes(` ${call}(`)).length))]));
}

function linesIn(trace: string): string[] {
  return existsSync(trace) ? readFileSync(trace, 'utf8').split('\n').filter((line) => line !== '') : [];
}

/** strace on a process that runs already, all of its threads, and none of the programs that it starts. */
export class Strace {
  readonly #child: ChildProcess;
  readonly #trace: string;

  private constructor(child: ChildProcess, trace: string) {
    this.#child = child;
    this.#trace = trace;
  }

  static async attach(pid: number, paths: readonly string[], trace: string, inject?: Inject): Promise<Strace> {
    const child = spawn('strace', [...words(paths, trace, inject), '-b', 'execve', '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    for (let waitedMs = 0; !isTraced(pid); waitedMs += 20) {
      if (child.exitCode !== null || waitedMs > 10_000) throw new Error(`strace does not get hold of process ${pid}: ${said}`);
      await sleep(20);
    }
    return new Strace(child, trace);
  }

  /** Whether the call was there and failed. One that killed its process shows by that. */
  get hit(): boolean {
    return callsIn(this.#trace).some((line) => line.includes('(INJECTED)'));
  }

  /** As `Traced.counts`. */
  get counts(): ReadonlyMap<Inject['call'], number> {
    return countsIn(this.#trace);
  }

  /** The process goes on as if nobody had been there. */
  async detach(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGINT');
    // It may wait for ever for a process that was killed under it; killed itself, it lets go.
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), detachMs);
    await exited;
    clearTimeout(timer);
  }
}

/** Also of a process that was killed and that nobody has collected yet. */
export function hasEnded(pid: number): boolean {
  try {
    return /^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return true; // No such process.
  }
}

function isTraced(pid: number): boolean {
  try {
    return !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false; // It has ended; whoever waits is told by strace.
  }
}
