import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Front } from '@godwit/api/testing';
import { bytesOf, routes } from '@godwit/wire';
import { coordinatorProgram } from '../house/house.ts';

/** A coordinator in a process of its own, one of several on one database and one Redis. */
export class CoordinatorProcess implements AsyncDisposable {
  /** Where and whom it is. */
  readonly front: Front;
  readonly #child: ChildProcess;
  readonly #said: { log: string };

  private constructor(child: ChildProcess, said: { log: string }, front: Front) {
    [this.#child, this.#said, this.front] = [child, said, front];
  }

  /** Resolves when it takes requests. */
  static async start(dataDirectory: string, environment: NodeJS.ProcessEnv, words: readonly string[] = []): Promise<CoordinatorProcess> {
    // Tied to this process: a test that is killed leaves none behind.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, coordinatorProgram, '--data', dataDirectory, '--listen', '127.0.0.1:0', '--json', ...words], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
    const said = { log: '' };
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.log += text));
    for await (const line of createInterface({ input: child.stdout })) if (line.includes('"ready":true')) return new CoordinatorProcess(child, said, await frontOf((JSON.parse(line) as { url: string }).url));
    throw new Error(`a coordinator ended before it was ready: ${said.log}`);
  }

  /** What it wrote on standard error. */
  get log(): string {
    return this.#said.log;
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

async function frontOf(url: string): Promise<Front> {
  const { audience, logKey } = routes.healthz.answer.parse(await (await fetch(`${url}${routes.healthz.path}`)).json());
  return { url, audience, logKey: bytesOf(logKey) };
}
