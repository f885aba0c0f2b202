import { Fault, type Clock, type Random } from '@godwit/base';

/** Above what the rates of `Limits` let in within the longest time that anything is kept here. */
const entriesMax = 10_000;
const nameBytes = 16;

/**
 * Things that are good once and for a short time, under a name that nobody can guess: ceremonies, tickets. In memory, because they are
 * worth nothing after a restart, and so that nobody who has not signed in makes the database grow.
 */
export class OneTime<Value> {
  readonly #entries = new Map<string, { readonly value: Value; readonly endsMs: number }>();
  readonly #lifeMs: number;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(lifeMs: number, clock: Clock, random: Random) {
    [this.#lifeMs, this.#clock, this.#random] = [lifeMs, clock, random];
  }

  /** Its name, 32 hexadecimal digits. Throws RATE_LIMITED when there are too many: none is dropped for another. */
  put(value: Value): string {
    this.#dropExpired();
    if (this.#entries.size >= entriesMax) throw new Fault('RATE_LIMITED');
    const name = this.#random(nameBytes).toString('hex');
    this.#entries.set(name, { value, endsMs: this.#clock.bootMs() + this.#lifeMs });
    return name;
  }

  /** Takes it out; undefined when it is not there any more, or never was. */
  take(name: string): Value | undefined {
    this.#dropExpired();
    const entry = this.#entries.get(name);
    this.#entries.delete(name);
    return entry?.value;
  }

  /** All live equally long, so the oldest come first. */
  #dropExpired(): void {
    for (const [name, { endsMs }] of this.#entries) {
      if (endsMs > this.#clock.bootMs()) return;
      this.#entries.delete(name);
    }
  }
}
