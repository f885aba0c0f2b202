import type { Clock } from '@godwit/base';
import { RateLimit, type Rate } from './rate-limit.ts';

export interface RateOptions {
  /** Of what anybody may ask, by address. */
  readonly perAddress: Rate;
  /** The same, by all addresses together. */
  readonly inTotal: Rate;
}

/** A household behind one address enrols its machines in a row; a flood is over after half a minute's worth. */
export const defaultRates: RateOptions = { perAddress: { burst: 30, perSecond: 0.5 }, inTotal: { burst: 300, perSecond: 20 } };

/** The token buckets of the routes that need none or a stranger's signature. */
export class Limits {
  readonly accounts: RateLimit;
  readonly joins: RateLimit;
  /** Looking for codes: by host, since the caller is known. */
  readonly codes: RateLimit;
  /** Pages before anybody has signed in. */
  readonly visitors: RateLimit;
  /** Streams of news: by session. */
  readonly tickets: RateLimit;

  constructor({ perAddress, inTotal }: RateOptions, clock: Clock, replicas: () => number = () => 1) {
    this.accounts = new RateLimit(perAddress, inTotal, clock, replicas);
    this.joins = new RateLimit(perAddress, inTotal, clock, replicas);
    this.codes = new RateLimit(perAddress, inTotal, clock, replicas);
    this.visitors = new RateLimit(perAddress, inTotal, clock, replicas);
    this.tickets = new RateLimit(perAddress, inTotal, clock, replicas);
  }
}
