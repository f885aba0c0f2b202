import type { Clock } from '@godwit/base';
import type { ControlProgress } from '@godwit/wire';
import { leftMsOf, Rate } from './rate.ts';

/** How far something is. A total that is not known is null, not zero. */
export interface Amount {
  readonly doneBytes: number;
  readonly totalBytes: number | null;
}

const nothing: Amount = { doneBytes: 0, totalBytes: null };
/** While something is followed: a standstill is told too. */
const tickMs = 500;

/** The current phase of a long operation and how far it is, told to whoever watches. */
export class PhaseReport<Phase extends string> {
  readonly #clock: Clock;
  readonly #report: (progress: ControlProgress) => void;
  readonly startedMs: number;
  #phase: Phase;
  #lastMs = 0;
  #rate = new Rate();
  #amount: Amount = nothing;
  /** What goes on across phases. */
  #followed: { readonly look: () => Amount; readonly timer: NodeJS.Timeout } | undefined;

  constructor(clock: Clock, report: (progress: ControlProgress) => void, first: Phase) {
    this.#clock = clock;
    this.#report = report;
    this.startedMs = clock.workMs();
    this.#phase = first;
  }

  get phase(): Phase {
    return this.#phase;
  }

  get elapsedMs(): number {
    return this.#clock.workMs() - this.startedMs;
  }

  enter(phase: Phase, say: string | null = null): void {
    this.#phase = phase;
    if (this.#followed === undefined) this.#begin();
    this.#tell(say);
  }

  /** Something its person should know at once. */
  tell(say: string): void {
    this.#tell(say);
  }

  /** At most ten times a second. While something is followed its amount is told instead. */
  advance(doneBytes: number, totalBytes: number | null): void {
    this.#amount = { doneBytes, totalBytes };
    if (this.#clock.workMs() - this.#lastMs >= 100) this.#tell(null);
  }

  /** From now on, whatever the phase, what `look` says is told: when something happens, and twice a second. Until `unfollow`. */
  follow(look: () => Amount): void {
    this.unfollow();
    this.#followed = { look, timer: setInterval(() => this.#tell(null), tickMs).unref() };
  }

  unfollow(): void {
    clearInterval(this.#followed?.timer);
    this.#followed = undefined;
    this.#begin();
  }

  #begin(): void {
    this.#rate = new Rate();
    this.#amount = nothing;
  }

  #tell(say: string | null): void {
    this.#lastMs = this.#clock.workMs();
    const amount = this.#followed?.look() ?? this.#amount;
    const bytesPerSecond = this.#rate.look(this.#lastMs, amount.doneBytes);
    this.#report({ phase: this.#phase, ...amount, bytesPerSecond, leftMs: leftMsOf(amount, bytesPerSecond), elapsedMs: this.elapsedMs, say });
  }
}
