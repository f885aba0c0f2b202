import { Fault, type Clock } from '@godwit/base';

export interface Rate {
  /** How many may come at once. */
  readonly burst: number;
  readonly perSecond: number;
}

/** Addresses remembered; the least recently seen is forgotten first, with a full bucket if it comes back. */
const addressesMax = 10_000;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/**
 * Token buckets for what anybody may call: one per address and one for all, so that neither one address nor many can
 * keep others out of what is behind for long. Memory is bounded.
 */
export class RateLimit {
  readonly #perAddress: Rate;
  readonly #inTotal: Rate;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();
  readonly #total: Bucket;
  readonly #replicas: () => number;

  /** The rates are those of all replicas together; each has its share of them, since anybody's next request may go to any. */
  constructor(perAddress: Rate, inTotal: Rate, clock: Clock, replicas: () => number = () => 1) {
    this.#perAddress = perAddress;
    this.#inTotal = inTotal;
    this.#clock = clock;
    this.#replicas = replicas;
    this.#total = { tokens: inTotal.burst, filledAtMs: clock.workMs() };
  }

  /** Throws RATE_LIMITED when the address, or everybody together, asked too often. An address over its rate does not use up the total. */
  take(address: string): void {
    const bucket = this.#buckets.get(address) ?? { tokens: this.#perAddress.burst, filledAtMs: this.#clock.workMs() };
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > addressesMax && oldest !== undefined) this.#buckets.delete(oldest);
    this.#fill(bucket, this.#perAddress);
    this.#fill(this.#total, this.#inTotal);
    if (bucket.tokens < 1 || this.#total.tokens < 1) throw new Fault('RATE_LIMITED');
    bucket.tokens -= 1;
    this.#total.tokens -= 1;
  }

  #fill(bucket: Bucket, rate: Rate): void {
    const nowMs = this.#clock.workMs();
    const replicas = this.#replicas();
    bucket.tokens = Math.min(Math.max(1, rate.burst / replicas), bucket.tokens + ((nowMs - bucket.filledAtMs) / 1000) * (rate.perSecond / replicas));
    bucket.filledAtMs = nowMs;
  }
}
