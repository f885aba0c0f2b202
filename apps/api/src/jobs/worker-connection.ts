import { Redis, type RedisOptions } from 'ioredis';
import type { Log } from '@godwit/base';
import { connectRedis } from '../replicas/redis.ts';

/** BullMQ blocks for 5 s at the most: a connection that says nothing for so long is dead. */
const silentMs = 30_000;

/**
 * What a BullMQ worker works on: a connection that waits for a Redis that is away, and repeats what it could not say. The worker makes others of it and
 * opens them again as it likes, also while it is being closed; none of them outlives the `end` of this.
 */
export class WorkerConnection {
  readonly redis: Redis;
  readonly #all: Redis[] = [];
  readonly #log: Log;
  #hasEnded = false;

  /** Throws as `connectRedis`. */
  static async open(url: string, log: Log): Promise<WorkerConnection> {
    return new WorkerConnection(await connectRedis(url, log, { maxRetriesPerRequest: null, enableOfflineQueue: true, commandTimeout: undefined, socketTimeout: silentMs }), log);
  }

  private constructor(redis: Redis, log: Log) {
    [this.redis, this.#log] = [redis, log];
    this.#keep(redis);
  }

  end(): void {
    this.#hasEnded = true;
    for (const redis of this.#all) redis.disconnect();
  }

  #keep(redis: Redis): void {
    this.#all.push(redis);
    redis.connect = (): Promise<void> => (this.#hasEnded ? Promise.reject(new Error('this connection has ended for good')) : Redis.prototype.connect.call(redis));
    const duplicate = (options?: Partial<RedisOptions>): Redis => {
      const copy = Redis.prototype.duplicate.call(redis, options) as Redis;
      copy.on('error', (error) => this.#log.debug('redis.connection', { error }));
      this.#keep(copy);
      return copy;
    };
    redis.duplicate = duplicate;
  }
}
