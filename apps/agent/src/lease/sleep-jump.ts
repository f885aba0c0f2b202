import type { Clock } from '@godwit/base';

/** More than this between the two clocks, from one look to the next, is sleep: both are steered alike while the machine is awake. */
const jumpMs = 1_000;

/**
 * Tells that the machine slept although nobody said so: the boot clock counts sleep, the working clock does not. A process that was only
 * stopped (SIGSTOP), or a busy machine, moves both.
 */
export class SleepJump {
  readonly #clock: Clock;
  #aheadMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#aheadMs = this.#read();
  }

  /** True once for each sleep since the last look, or since the last `forget`. */
  look(): boolean {
    const aheadMs = this.#read();
    const slept = aheadMs - this.#aheadMs > jumpMs;
    this.#aheadMs = aheadMs;
    return slept;
  }

  /** What lies behind was told by somebody else. */
  forget(): void {
    this.#aheadMs = this.#read();
  }

  #read(): number {
    return this.#clock.bootMs() - this.#clock.workMs();
  }
}
