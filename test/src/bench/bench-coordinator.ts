import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join, resolve } from 'node:path';
import { cpuMsBelow, cpuMsOf } from './process-times.ts';

const program = resolve(import.meta.dirname, '..', '..', '..', 'apps/api/dist/main.js');

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
    const pid = this.#child.pid ?? 0;
    return { coordinator: cpuMsOf(pid), postgres: cpuMsBelow(pid) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((done) => this.#child.once('exit', done));
    this.#child.kill('SIGTERM');
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
