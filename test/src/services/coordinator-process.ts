import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { coordinatorProgram } from '../house/house.ts';

/** A coordinator in a process of its own, one of several on one database and one Redis. */
export class CoordinatorProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  #log = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
  }

  /** Resolves when it takes requests. */
  static async start(dataDirectory: string, environment: NodeJS.ProcessEnv, words: readonly string[] = []): Promise<CoordinatorProcess> {
    // Tied to this process: a test that is killed leaves none behind.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, coordinatorProgram, '--data', dataDirectory, '--listen', '127.0.0.1:0', '--json', ...words], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
    const started = new CoordinatorProcess(child);
    for await (const line of createInterface({ input: child.stdout })) if (line.includes('"ready":true')) return started;
    throw new Error(`a coordinator ended before it was ready: ${started.log}`);
  }

  /** What it wrote on standard error. */
  get log(): string {
    return this.#log;
  }

  /** How it ended: its exit code, or the signal. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | NodeJS.Signals> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit');
      this.#child.kill(signal);
      await gone;
    }
    return this.#child.signalCode ?? this.#child.exitCode ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}
