import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Clock, Random } from '@godwit/base';
import { answered } from '../replicas/redis.ts';
import { OneTime } from './one-time.ts';

/** What was given a name for a short time and comes back once, to whichever replica is asked for it. */
export interface OneTimeValues<Value> {
  /** Its name, 32 hexadecimal digits. Throws RATE_LIMITED, REDIS_UNAVAILABLE. */
  put(value: Value): string | Promise<string>;
  /** Takes it out; undefined when it is not there any more, or never was. Throws REDIS_UNAVAILABLE. */
  take(name: string): Value | undefined | Promise<Value | undefined>;
}

interface Parts {
  readonly redis: Redis | undefined;
  /** Whose: the same for all replicas. */
  readonly audience: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** Where they are kept: in this process, or with replicas in their Redis. */
export class OneTimes {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** `kind` is part of the name: a ticket is no ceremony. */
  of<Schema extends z.ZodType>(kind: string, schema: Schema, lifeMs: number): OneTimeValues<z.infer<Schema>> {
    const { redis, audience, clock, random } = this.#parts;
    return redis === undefined ? new OneTime(lifeMs, clock, random) : new OneTimeInRedis(redis, `godwit:${audience}:${kind}:`, schema, lifeMs, random);
  }
}

const nameBytes = 16;

/** How many there are is bounded by the rates of `Limits`, which are those of all replicas together, and by their short lives. */
class OneTimeInRedis<Schema extends z.ZodType> implements OneTimeValues<z.infer<Schema>> {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #schema: Schema;
  readonly #lifeMs: number;
  readonly #random: Random;

  constructor(redis: Redis, prefix: string, schema: Schema, lifeMs: number, random: Random) {
    [this.#redis, this.#prefix, this.#schema, this.#lifeMs, this.#random] = [redis, prefix, schema, lifeMs, random];
  }

  async put(value: z.infer<Schema>): Promise<string> {
    const name = this.#random(nameBytes).toString('hex');
    await answered(() => this.#redis.set(this.#prefix + name, JSON.stringify(value), 'PX', this.#lifeMs, 'NX'));
    return name;
  }

  async take(name: string): Promise<z.infer<Schema> | undefined> {
    if (!/^[0-9a-f]{32}$/.test(name)) return undefined;
    const text = await answered(() => this.#redis.getdel(this.#prefix + name));
    return text === null ? undefined : this.#schema.parse(JSON.parse(text));
  }
}
