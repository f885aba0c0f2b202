import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, type Clock } from '@godwit/base';
import { guardKillMs, guardPauseMs, leaseTermMs } from '@godwit/wire';
import type { DesktopHome } from '../home.ts';
import { isFrozen, isRunning, signalTo, type ProcessId } from '../machine/process-id.ts';
import { decodeGuard, decodeSeen, encodeDeadline, guardFiles, makeSmall, readBootId, readSmall, writeSmall, type GuardDeed, type GuardFiles, type GuardRecord, type Seen } from './guard-files.ts';
import type { GuardTimes } from './verdict.ts';

/** What guards of strict desktops are told. A deadline is read a moment after it was reckoned, so it may be a second further ahead than a term. */
export const guardTimes: GuardTimes = { pauseMs: guardPauseMs, killMs: guardKillMs, aheadMs: leaseTermMs + 1_000 };

export interface GuardOptions {
  readonly home: DesktopHome;
  /** The QEMU to guard. */
  readonly machineProcess: ProcessId;
  readonly clock: Clock;
}

const program = join(import.meta.dirname, 'main.js');
/** It holds a few kilobytes and runs ten times a second: no compiler threads, and no heap to grow into. */
const engineFlags = ['--jitless', '--single-threaded', '--max-old-space-size=32', '--max-semi-space-size=1'];
/** Starting takes about 0.1 s; a machine that was just woken up or is overloaded takes longer. */
const startLimitMs = 10_000;
/** The guard looks ten times a second. */
const answerLimitMs = 2_000;
const pollMs = 10;
const aliveMs = 250;

/** Folders in which a guard is being started: two at once would take each other's files away. */
const starting = new Map<string, Promise<void>>();

/** The guard of one QEMU of a strict desktop, as the agent holds it: the process itself (main.ts) needs nobody. */
export class Guard {
  readonly id: ProcessId;
  /** Resolves when the guard's process is gone, however it ended. */
  readonly ended: Promise<void>;
  readonly #machine: ProcessId;
  readonly #files: GuardFiles;
  readonly #clock: Clock;
  #writing: Promise<void> = Promise.resolve();

  private constructor(id: ProcessId, { home, machineProcess, clock }: GuardOptions) {
    this.id = id;
    this.#machine = machineProcess;
    this.#files = guardFiles(home.guardDirectory);
    this.#clock = clock;
    this.ended = gone(id);
  }

  /**
   * The guard of this QEMU, started unless there is one. It kills QEMU unless it gets a deadline within 5 s: give it one before the guest runs.
   * Throws GUARD_LOST.
   */
  static async start(options: GuardOptions): Promise<Guard> {
    const { guardDirectory } = options.home;
    for (let other = starting.get(guardDirectory); other !== undefined; other = starting.get(guardDirectory)) await other;
    const found = Guard.find(options);
    if (found !== undefined) return found;
    const work = Guard.#startNew(options);
    starting.set(guardDirectory, work.then(() => undefined, () => undefined)); // A failure is its own caller's; the next one starts anew.
    try {
      return await work;
    } finally {
      starting.delete(guardDirectory);
    }
  }

  static async #startNew(options: GuardOptions): Promise<Guard> {
    const { home, machineProcess } = options;
    const files = guardFiles(home.guardDirectory);
    mkdirSync(home.guardDirectory, { recursive: true, mode: 0o700 });
    // Of another QEMU; of this one the new guard has to know what the guard before it did.
    if (!guards(recordIn(files), machineProcess)) rmSync(files.seen, { force: true });
    for (const left of [files.guard, files.deadline]) rmSync(left, { force: true });
    await makeSmall(files.deadline, '');
    const { pauseMs, killMs, aheadMs } = guardTimes;
    const words = [home.guardDirectory, join(home.machineDirectory, 'guard'), machineProcess.pid, machineProcess.startTicks, pauseMs, killMs, aheadMs];
    const output = openSync(files.log, 'a', 0o600);
    // In a session and a folder of its own, with nothing of the agent's but its user.
    const child = spawn(process.execPath, [...engineFlags, program, ...words.map(String)], { detached: true, cwd: '/', stdio: ['ignore', 'ignore', output], env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
    closeSync(output);
    child.unref();
    let ending: string | undefined;
    child.once('exit', (code, signal) => (ending = `it ended with ${signal ?? code}`));
    child.once('error', (error) => (ending = error.message));
    const deadlineMs = options.clock.workMs() + startLimitMs;
    for (;;) {
      const guard = Guard.find(options);
      if (guard !== undefined) return guard;
      if (ending !== undefined || options.clock.workMs() >= deadlineMs) {
        child.kill('SIGKILL');
        throw new Fault('GUARD_LOST', { found: ending ?? `none after ${startLimitMs} ms`, hint: `read ${files.log}` });
      }
      await sleep(pollMs);
    }
  }

  /** The guard of this QEMU that an earlier agent, or this one, has started; undefined where none runs. */
  static find(options: GuardOptions): Guard | undefined {
    const record = recordIn(guardFiles(options.home.guardDirectory));
    return guards(record, options.machineProcess) && isRunning(record.guard) ? new Guard(record.guard, options) : undefined;
  }

  get alive(): boolean {
    return isRunning(this.id);
  }

  /** What it has done to QEMU since its last deadline, as far as it has told: for the desktop's note. */
  async deed(): Promise<GuardDeed> {
    return (await this.#seen())?.deed ?? 'none';
  }

  /**
   * The lease holds until `deadlineBootMs`, on the boot clock and at most a term ahead; null: there is nothing to guard any more (the policy was
   * changed), as `end`. Resolves when the guard follows this deadline and nothing that it did under an earlier one is still on its way to QEMU:
   * then the guest may be continued, which the guard never does itself. Throws GUARD_LOST when the guard does not answer, and ends it: the
   * guest has to stand still until another one is started.
   */
  async setDeadline(deadlineBootMs: number | null): Promise<void> {
    if (deadlineBootMs === null) return this.end();
    if (deadlineBootMs > this.#clock.bootMs() + guardTimes.aheadMs) throw new RangeError('a deadline that no lease has');
    const writing = this.#writing.then(() => this.#give(deadlineBootMs));
    this.#writing = writing.catch(() => undefined); // Told to its own caller; the next deadline has its own chance.
    return writing;
  }

  async #give(deadlineMs: number): Promise<void> {
    try {
      await writeSmall(this.#files.deadline, encodeDeadline(readBootId(), deadlineMs));
    } catch (error) {
      throw new Fault('GUARD_LOST', { found: 'a deadline that cannot be written', cause: error });
    }
    const limitMs = this.#clock.workMs() + answerLimitMs;
    while (!(await this.#follows(deadlineMs))) {
      if (!this.alive) throw new Fault('GUARD_LOST', { found: 'none', hint: `read ${this.#files.log}` });
      if (this.#clock.workMs() >= limitMs) {
        // It could not act in time either; whoever starts it anew must not find this one.
        await this.#kill();
        throw new Fault('GUARD_LOST', { found: `no answer within ${answerLimitMs} ms`, hint: `read ${this.#files.log}` });
      }
      await sleep(pollMs);
    }
  }

  /** A QEMU that the guard has stopped is waked, so that it can do what it was told before: pause its guest. Only then the guard answers. */
  async #follows(deadlineMs: number): Promise<boolean> {
    const seen = await this.#seen();
    if (seen?.deadlineMs === deadlineMs) return true;
    this.#wake(seen);
    return false;
  }

  #wake(seen: Seen | undefined): void {
    if (seen?.deed === 'frozen' && isFrozen(this.#machine)) signalTo(this.#machine, 'SIGCONT');
  }

  /** Ends the guard. QEMU runs on; one that the guard had stopped goes on as it was. */
  async end(): Promise<void> {
    try {
      await writeSmall(this.#files.deadline, encodeDeadline(readBootId(), null));
      const limitMs = this.#clock.workMs() + answerLimitMs;
      while (this.alive && this.#clock.workMs() < limitMs) await sleep(pollMs);
    } catch {
      // A guard that cannot be told is killed below.
    }
    await this.#kill();
    this.#wake(await this.#seen());
  }

  async #kill(): Promise<void> {
    while (signalTo(this.id, 'SIGKILL')) await sleep(pollMs);
  }

  async #seen(): Promise<Seen | undefined> {
    const text = await readSmall(this.#files.seen).catch(() => undefined); // What cannot be read was not told.
    return text === undefined ? undefined : decodeSeen(text);
  }
}

/** Whether the guard of this QEMU has killed it: for whoever finds it gone. */
export function killedByGuard({ guardDirectory }: DesktopHome, machine: ProcessId): boolean {
  const files = guardFiles(guardDirectory);
  return guards(recordIn(files), machine) && existsSync(files.seen) && decodeSeen(readFileSync(files.seen, 'latin1'))?.deed === 'killed';
}

function recordIn({ guard }: GuardFiles): GuardRecord | undefined {
  return existsSync(guard) ? decodeGuard(readFileSync(guard, 'latin1'), readBootId()) : undefined;
}

function guards(record: GuardRecord | undefined, { pid, startTicks }: ProcessId): record is GuardRecord {
  return record?.machine.pid === pid && record.machine.startTicks === startTicks;
}

async function gone(id: ProcessId): Promise<void> {
  while (isRunning(id)) await sleep(aliveMs, undefined, { ref: false });
}
