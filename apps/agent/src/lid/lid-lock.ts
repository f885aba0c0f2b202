import { spawn, type ChildProcess } from 'node:child_process';
import type { Log } from '@godwit/base';

/**
 * The lid does nothing, and no sleep begins, while `cat` runs. `block`, unlike the `delay` of sleep-watch.ts, which logind bears for 5 s; and
 * `handle-lid-switch`, because logind heeds no other lock where the lid is closed.
 */
export const lidProgram = (why: string): [string, ...string[]] => ['systemd-inhibit', '--what=handle-lid-switch:sleep', '--mode=block', '--who=godwit', `--why=${why}`, 'cat'];

/** A laptop in a bag must sleep some time: longer than this nobody keeps it awake. */
export const lidCapMs = 120_000;
const wordsMax = 200;

export interface LidParts {
  readonly log: Log;
  readonly program?: (why: string) => [string, ...string[]];
  readonly capMs?: number;
}

/** Keeps this machine awake with its lid closed while a departure runs, for two minutes at the most. */
export class LidLock {
  readonly #log: Log;
  readonly #program: (why: string) => [string, ...string[]];
  readonly capMs: number;
  #refused: string | undefined;

  constructor({ log, program = lidProgram, capMs = lidCapMs }: LidParts) {
    this.#log = log;
    this.#program = program;
    this.capMs = capMs;
  }

  /** Why it could not be taken the last time; undefined: it was, or nobody has tried. */
  get refusal(): string | undefined {
    return this.#refused;
  }

  /** Takes it for the departure of `name`. `onCap`: it was let go because its time was over. Returns the way to let it go; does not wait for anything. */
  hold(name: string, onCap: () => void): () => void {
    const [program, ...words] = this.#program(`${name} is being suspended`);
    const child = spawn(program, words, { stdio: ['pipe', 'ignore', 'pipe'] });
    let wanted = true;
    let said = '';
    child.stdin.on('error', () => undefined); // It has ended, which `close` tells.
    child.stderr.setEncoding('utf8').on('data', (piece: string) => (said = `${said}${piece}`.slice(0, wordsMax)));
    child.once('error', (error) => (said = error.message));
    child.once('close', () => {
      if (!wanted) return;
      const refusal = `${program}: ${said.trim().split('\n')[0] ?? ''}`;
      if (this.#refused !== refusal) this.#log.warn('lid-not-held', { refusal });
      this.#refused = refusal;
    });
    this.#refused = undefined;
    const end = (): void => {
      wanted = false;
      clearTimeout(cap);
      letGo(child);
    };
    const cap = setTimeout(() => {
      this.#log.warn('lid-let-go', { name, capMs: this.capMs });
      end();
      onCap();
    }, this.capMs).unref();
    return end;
  }
}

/** `cat` ends with its input. A systemd-inhibit that still waits for logind has no `cat` yet. */
function letGo(child: ChildProcess): void {
  child.stdin?.end();
  child.kill();
}
