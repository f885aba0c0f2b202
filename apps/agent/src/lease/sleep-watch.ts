import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Log } from '@godwit/base';
import { LineCutter, parseSleepSignal, type SleepSignal } from './sleep-signals.ts';

type Program = readonly [string, ...string[]];

/** Ended by the kernel when the agent dies, however it dies; `cat` ends with the agent's end of its input. */
export const sleepPrograms: SleepPrograms = {
  // The lock is held as long as `cat` runs. `delay`: logind waits for it, for 5 s unless it is set otherwise, and then sleeps all the same.
  inhibit: ['systemd-inhibit', '--what=sleep', '--mode=delay', '--who=godwit', '--why=desktops are paused first', 'cat'],
  monitor: ['setpriv', '--pdeathsig', 'TERM', 'gdbus', 'monitor', '--system', '--dest', 'org.freedesktop.login1', '--object-path', '/org/freedesktop/login1'],
};

export interface SleepPrograms {
  readonly inhibit: Program;
  /** Writes a line for each signal of logind. */
  readonly monitor: Program;
}

export interface SleepParts {
  readonly programs: SleepPrograms;
  readonly log: Log;
  /** The machine is about to sleep; it does so when this resolves. */
  readonly onSleep: () => Promise<void>;
  readonly onWake: () => void;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** A child that ended is started again after this: the bus may come later than the agent, or be restarted. */
const againMs = 60_000;
/** One that found no bus or no logind has ended by then. */
const worksMs = 2_000;
const wordsMax = 200;

/**
 * Hears from logind that this machine is about to sleep, and keeps it awake until its guests stand still. Where there is no logind that is
 * said once; then a sleep is known by its clocks when it is over.
 */
export class SleepWatch {
  readonly #parts: SleepParts;
  readonly #refusals = new Map<keyof SleepPrograms, string>();
  #lock: Child | undefined;
  #monitor: Child | undefined;
  #timers = new Set<NodeJS.Timeout>();
  #open = false;

  constructor(parts: SleepParts) {
    this.#parts = parts;
  }

  /** Why a sleep is not announced to this agent, or not held up for it; undefined when both work. */
  get refusal(): string | undefined {
    const all = [...this.#refusals.values()];
    return all.length === 0 ? undefined : all.join('; ');
  }

  begin(): void {
    if (this.#open) return;
    this.#open = true;
    this.#listen();
    this.#takeLock();
  }

  end(): void {
    this.#open = false;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#monitor?.kill();
    this.#lock?.stdin.end();
  }

  #listen(): void {
    const lines = new LineCutter();
    const child = this.#start('monitor', () => {
      this.#monitor = undefined;
      this.#later(() => this.#listen());
    });
    this.#monitor = child;
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      for (const line of lines.push(piece)) {
        const signal = parseSleepSignal(line);
        if (signal !== undefined) this.#heard(signal);
      }
    });
  }

  #heard(signal: SleepSignal): void {
    this.#parts.log.info('logind-told', { signal });
    if (signal === 'wake') {
      this.#parts.onWake();
      this.#takeLock();
      return;
    }
    this.#parts.onSleep().catch((error: unknown) => this.#parts.log.error('not-ready-to-sleep', { error })).finally(() => this.#lock?.stdin.end());
  }

  #takeLock(): void {
    if (this.#lock !== undefined) return;
    const child = this.#start('inhibit', (asked) => {
      this.#lock = undefined;
      // Given back for a sleep: taken again on waking.
      if (!asked) this.#later(() => this.#takeLock());
    });
    this.#lock = child;
    child.stdout.resume();
  }

  /** `onEnd`: whether its input had been ended, which is how it is asked to end. */
  #start(role: keyof SleepPrograms, onEnd: (asked: boolean) => void): Child {
    const { programs, log } = this.#parts;
    const [program, ...words] = programs[role];
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    child.stdin.on('error', () => undefined); // It has ended, which `close` tells.
    child.stderr.setEncoding('utf8').on('data', (piece: string) => (said = `${said}${piece}`.slice(0, wordsMax)));
    const works = setTimeout(() => this.#refusals.delete(role), worksMs).unref();
    child.once('error', (error) => (said = error.message));
    child.once('close', (code) => {
      clearTimeout(works);
      const asked = child.stdin.writableEnded;
      if (!this.#open) return;
      if (!asked) {
        const refusal = `${program === 'setpriv' ? 'gdbus' : program}: ${said.trim().split('\n')[0] ?? ''}`;
        // Once, however often it is tried again.
        if (this.#refusals.get(role) !== refusal) log.warn('sleep-not-announced', { role, code, refusal });
        this.#refusals.set(role, refusal);
      }
      onEnd(asked);
    });
    return child;
  }

  #later(work: () => void): void {
    if (!this.#open) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, againMs).unref();
    this.#timers.add(timer);
  }
}
