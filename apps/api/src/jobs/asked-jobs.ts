import type { Log } from '@godwit/base';
import type { Queries } from '../database/database.ts';
import { takeWanted, wantAgain } from './dead-letters.ts';
import type { Rounds } from './rounds.ts';

/** Begins the jobs that whoever has the coordinator's machine wants to be tried again. */
export class AskedJobs {
  readonly #db: Queries;
  readonly #rounds: Pick<Rounds, 'begin'>;
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | undefined;

  constructor(db: Queries, rounds: Pick<Rounds, 'begin'>, everyMs: number, log: Log) {
    [this.#db, this.#rounds, this.#log] = [db, rounds, log];
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    }, everyMs);
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    try {
      for (const job of await takeWanted(this.#db)) await this.#begin(job);
    } catch (error) {
      this.#log.warn('jobs.asked', { error });
    }
  }

  async #begin(job: string): Promise<void> {
    try {
      await this.#rounds.begin(job);
    } catch (error) {
      await wantAgain(this.#db, job);
      throw error;
    }
  }
}
