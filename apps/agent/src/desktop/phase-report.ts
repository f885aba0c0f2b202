import type { Clock } from '@godwit/base';
import type { ControlProgress } from '@godwit/wire';

/** The current phase of a long operation and how far it is, told to whoever watches. */
export class PhaseReport<Phase extends string> {
  readonly #clock: Clock;
  readonly #report: (progress: ControlProgress) => void;
  readonly startedMs: number;
  #phase: Phase;
  #lastMs = 0;

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
    this.#tell(0, null, say);
  }

  /** Something its person should know at once. */
  tell(say: string): void {
    this.#tell(0, null, say);
  }

  /** At most ten times a second. */
  advance(doneBytes: number, totalBytes: number | null): void {
    if (this.#clock.workMs() - this.#lastMs >= 100) this.#tell(doneBytes, totalBytes, null);
  }

  #tell(doneBytes: number, totalBytes: number | null, say: string | null): void {
    this.#lastMs = this.#clock.workMs();
    this.#report({ phase: this.#phase, doneBytes, totalBytes, elapsedMs: this.elapsedMs, say });
  }
}
