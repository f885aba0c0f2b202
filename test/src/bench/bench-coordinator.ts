import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join, resolve } from 'node:path';

const program = resolve(import.meta.dirname, '..', '..', '..', 'apps/api/dist/main.js');
/** Linux counts CPU time in these, whatever the kernel's own tick is (man 5 proc_pid_stat, sysconf _SC_CLK_TCK). */
const tickMs = 10;

/** CPU time that was used so far, in ms. */
export interface CpuTimes {
  readonly coordinator: number;
  readonly postgres: number;
}

/** A coordinator in a process of its own, with its own PostgreSQL, in a folder that is removed. */
export class BenchCoordinator implements AsyncDisposable {
  readonly url: string;
  readonly audience: string;
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(child: ChildProcess, directory: string, ready: { url: string; audience: string }) {
    [this.#child, this.#directory] = [child, directory];
    [this.url, this.audience] = [ready.url, ready.audience];
  }

  /** `profileTo`: a folder for a `.cpuprofile` of the whole run. */
  static async start(profileTo: string | undefined): Promise<BenchCoordinator> {
    const directory = mkdtempSync('/tmp/godwit-bench-');
    chmodSync(directory, 0o711); // PostgreSQL's user passes through when this runs as root
    const profile = profileTo === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', resolve(profileTo)];
    const words = [...profile, program, '--data', join(directory, 'c'), '--listen', '127.0.0.1:0', '--log', 'error', '--json'];
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: child.stdout })) return new BenchCoordinator(child, directory, JSON.parse(line) as { url: string; audience: string });
    throw new Error('the coordinator ended before it was ready');
  }

  cpuMs(): CpuTimes {
    const stats = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => statOf(Number(pid)));
    const children = new Map<number, Stat[]>();
    for (const stat of stats) children.set(stat.parent, [...(children.get(stat.parent) ?? []), stat]);
    const below = (pid: number): number => (children.get(pid) ?? []).reduce((sum, stat) => sum + stat.ownMs + stat.endedMs + below(stat.pid), 0);
    const pid = this.#child.pid ?? 0;
    return { coordinator: stats.find((stat) => stat.pid === pid)?.ownMs ?? 0, postgres: below(pid) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((done) => this.#child.once('exit', done));
    this.#child.kill('SIGTERM');
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly ownMs: number;
  /** Of its children that ended and were waited for. */
  readonly endedMs: number;
}

function statOf(pid: number): Stat[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold anything; field 3 follows the last one.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number);
    const at = (field: number): number => fields[field - 3] ?? 0;
    return [{ pid, parent: at(4), ownMs: (at(14) + at(15)) * tickMs, endedMs: (at(16) + at(17)) * tickMs }];
  } catch {
    return []; // It ended between the two looks.
  }
}
