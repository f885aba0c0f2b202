import type { Log } from '@godwit/base';
import { attemptsMax, everyMsOf, untilNextMs, type Pace } from './attempts.ts';
import { pause } from './upkeep.ts';

/**
 * One attempt at a round of a job, the first has number 1. Ends soon after `signal` does; what it left is the next round's. Jobs are safe to end
 * anywhere and to run twice.
 */
export type Attempt = (attempt: number, signal: AbortSignal) => Promise<void>;

/** What runs each job round after round, one round of it at a time; a round that fails is tried up to `attemptsMax` times. */
export interface Rounds {
  /** Has a round of the job begin now, unless one is under way. Throws REDIS_UNAVAILABLE when nobody could be told. */
  begin(job: string): Promise<void>;
  /** Ends what is under way and waits for it. */
  close(): Promise<void>;
}

/** Of a coordinator that is alone: timers in this process. */
export class OwnRounds implements Rounds {
  readonly #end = new AbortController();
  readonly #waking = new Map<string, AbortController>();
  readonly #running: Promise<unknown>;
  readonly #pace: Pace;
  readonly #log: Log;

  /** `doneAgoMs`: when a job ended well last, before this process; it is due as if there had been no break. */
  constructor(jobs: Readonly<Record<string, Attempt>>, { doneAgoMs, log, ...pace }: Pace & { readonly doneAgoMs: ReadonlyMap<string, number>; readonly log: Log }) {
    [this.#pace, this.#log] = [pace, log];
    this.#running = Promise.all(Object.entries(jobs).map(([name, attempt]) => this.#keepUp(name, attempt, Math.max(0, everyMsOf(pace, name) - (doneAgoMs.get(name) ?? 0)))));
  }

  async begin(job: string): Promise<void> {
    this.#waking.get(job)?.abort();
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #keepUp(name: string, attempt: Attempt, firstMs: number): Promise<void> {
    let failures = 0;
    for (let forMs = firstMs; await this.#wait(name, forMs); forMs = untilNextMs(this.#pace, name, failures)) {
      const isWell = await this.#try(name, attempt, failures + 1);
      failures = isWell || failures + 1 === attemptsMax ? 0 : failures + 1;
    }
  }

  /** False: it ends. */
  async #wait(name: string, forMs: number): Promise<boolean> {
    const wake = new AbortController();
    this.#waking.set(name, wake);
    await pause(forMs, AbortSignal.any([this.#end.signal, wake.signal]));
    this.#waking.delete(name);
    return !this.#end.signal.aborted;
  }

  async #try(name: string, attempt: Attempt, number: number): Promise<boolean> {
    try {
      await attempt(number, this.#end.signal);
      return true;
    } catch (error) {
      this.#log.warn('job.failed', { job: name, attempt: number, error });
      return false;
    }
  }
}
