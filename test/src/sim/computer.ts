import type { Entry } from './agenda.ts';
import type { World } from './world.ts';

/** A machine with its clocks. True time is the world's; what a machine can read is here. */
export class Computer {
  readonly world: World;
  readonly name: string;
  /** How fast its clocks run. */
  readonly rate: number;
  powered = true;
  awake = true;
  /** The wall clock's error: years, if it likes. */
  wallErrorMs = 0;
  /** On the working clock: since when it is awake. */
  wokeMs = 0;
  readonly programs = new Set<Program>();
  #bootedMs = 0;
  #sleptMs = 0;
  #asleepSinceMs = 0;
  #overdue: (() => void)[] = [];

  constructor(world: World, name: string, rate: number) {
    this.world = world;
    this.name = name;
    this.rate = rate;
  }

  get running(): boolean {
    return this.powered && this.awake;
  }

  /** Counts sleep, as CLOCK_BOOTTIME does. */
  bootMs(): number {
    return (this.world.nowMs - this.#bootedMs) * this.rate;
  }

  /** Stops while the machine sleeps, as CLOCK_MONOTONIC does. Timers run on it. */
  workMs(): number {
    const now = this.awake ? this.bootMs() : this.#asleepSinceMs;
    return now - this.#sleptMs;
  }

  wallMs(): number {
    return this.world.nowMs * this.rate + this.wallErrorMs;
  }

  sleep(): void {
    if (!this.running) return;
    this.#asleepSinceMs = this.bootMs();
    this.awake = false;
    this.#changed();
  }

  wake(): void {
    if (!this.powered || this.awake) return;
    this.#sleptMs += this.bootMs() - this.#asleepSinceMs;
    this.awake = true;
    this.wokeMs = this.workMs();
    this.world.watch.woke(this);
    const overdue = this.#overdue;
    this.#overdue = [];
    for (const arm of overdue) arm();
    this.#changed();
    for (const program of this.programs) program.woke();
  }

  powerOff(): void {
    for (const program of [...this.programs]) program.kill();
    this.powered = false;
    this.awake = true;
    this.#overdue = [];
  }

  powerOn(): void {
    this.powered = true;
    this.#bootedMs = this.world.nowMs;
    this.#sleptMs = 0;
    this.wokeMs = 0;
  }

  /** A timer that fell due while the machine slept: it is set again when the machine wakes. */
  postpone(arm: () => void): void {
    this.#overdue.push(arm);
  }

  #changed(): void {
    for (const program of this.programs) program.changed();
  }
}

export interface Timer {
  cancel(): void;
}

/** What a task waits for: it is told how to go on. */
export type Wait = (goOn: (value: unknown) => void) => void;
/** Work in steps; between two of them everything may happen, also the end of the program. */
export type Task<Result = void> = Generator<Wait, Result, unknown>;

/** Waits until `begin` calls back, with what it is given. */
export function* until<Value>(begin: (goOn: (value: Value) => void) => void): Task<Value> {
  return (yield begin) as Value;
}

/** A process on a computer. It may be killed, and stopped (SIGSTOP): then what comes for it waits. */
export class Program {
  readonly computer: Computer;
  readonly name: string;
  alive = true;
  stopped = false;
  /** On the working clock: when it was last continued or started. */
  continuedMs: number;
  #inbox: (() => void)[] = [];

  constructor(computer: Computer, name: string) {
    this.computer = computer;
    this.name = name;
    this.continuedMs = computer.workMs();
    computer.programs.add(this);
  }

  get world(): World {
    return this.computer.world;
  }

  get running(): boolean {
    return this.alive && !this.stopped && this.computer.running;
  }

  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#inbox = [];
    this.computer.programs.delete(this);
    this.changed();
  }

  stop(): void {
    this.stopped = true;
    this.changed();
  }

  continue(): void {
    if (!this.alive || !this.stopped) return;
    this.stopped = false;
    this.continuedMs = this.computer.workMs();
    this.changed();
    if (this.computer.running) this.#takeUp();
  }

  /** The machine woke up. */
  woke(): void {
    if (this.running) this.#takeUp();
  }

  /** Whether it runs may have changed. */
  changed(): void {}

  /** Runs `act` in this program: now, or when it goes on. */
  deliver(act: () => void): void {
    if (!this.alive) return;
    if (this.running && this.#inbox.length === 0) act();
    else this.#inbox.push(act);
  }

  /** `delayMs` on the machine's working clock. */
  after(delayMs: number, act: () => void): Timer {
    const { computer, world } = this;
    const dueMs = computer.workMs() + delayMs;
    let entry: Entry | undefined;
    let cancelled = false;
    const fire = (): void => {
      if (!this.alive || cancelled) return;
      if (!computer.awake) computer.postpone(arm);
      else if (computer.workMs() < dueMs - 0.01) arm();
      else this.deliver(() => {
        if (!cancelled) act();
      });
    };
    const arm = (): void => {
      entry = world.agenda.add(world.nowMs + Math.max(0, dueMs - computer.workMs()) / computer.rate, fire);
    };
    arm();
    return {
      cancel: () => {
        cancelled = true;
        if (entry !== undefined) entry.act = undefined;
      },
    };
  }

  run(task: Task): void {
    const step = (value: unknown): void => {
      const next = task.next(value);
      if (next.done === true) return;
      let gone = false;
      next.value((result) => {
        if (gone) return;
        gone = true;
        this.deliver(() => step(result));
      });
    };
    this.deliver(() => step(undefined));
  }

  *wait(delayMs: number): Task {
    yield* until<undefined>((goOn) => this.after(delayMs, () => goOn(undefined)));
  }

  /** One thing after the other, each as a step of its own. */
  #takeUp(): void {
    if (this.#inbox.length === 0) return;
    const { world } = this;
    world.agenda.add(world.nowMs, () => {
      if (!this.running) return;
      const act = this.#inbox.shift();
      // Further ones come after it: what it does not wait for finds them still waiting.
      if (this.#inbox.length > 0) this.#takeUp();
      act?.();
    });
  }
}
