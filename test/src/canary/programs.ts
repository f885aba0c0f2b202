import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const readyMs = 60_000;
export const root = resolve(import.meta.dirname, '..', '..', '..');

/** One of our programs with all that it says in a file. */
export class Program {
  readonly #child: ChildProcess;
  readonly #saidPath: string;

  constructor(words: readonly string[], saidPath: string, environment: NodeJS.ProcessEnv = {}) {
    const said = openSync(saidPath, 'a');
    this.#child = spawn(process.execPath, [...words], { stdio: ['ignore', said, said], env: { ...process.env, ...environment } });
    closeSync(said);
    this.#saidPath = saidPath;
  }

  /** The first line that holds `word`. */
  async ready(word: string): Promise<string> {
    for (let waitedMs = 0; waitedMs < readyMs; waitedMs += 50) {
      const line = readFileSync(this.#saidPath, 'utf8').split('\n').slice(0, -1).find((text) => text.includes(word));
      if (line !== undefined) return line;
      if (this.#child.exitCode !== null) break;
      await sleep(50);
    }
    throw new Error(`not ready: ${readFileSync(this.#saidPath, 'utf8')}`);
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise<void>((done) => this.#child.once('exit', () => done()));
    this.#child.kill('SIGTERM');
    await gone;
  }
}

/** Command lines and environments of every process that names `directory` in one of them, as they are seen while `sample` is called. */
export class ProcessWatch {
  readonly #directory: string;
  readonly #seen = new Map<string, Buffer>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  get seen(): ReadonlyMap<string, Buffer> {
    return this.#seen;
  }

  sample(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
      const [commandLine, environment] = [read(`/proc/${pid}/cmdline`), read(`/proc/${pid}/environ`)];
      if (![commandLine, environment].some((bytes) => bytes.includes(this.#directory))) continue;
      for (const [what, bytes] of [['cmdline', commandLine], ['environ', environment]] as const) this.#seen.set(`${what} of ${pid}: ${commandLine.toString('latin1', 0, 80)}`, bytes);
    }
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0); // It ended between the two looks.
  }
}
