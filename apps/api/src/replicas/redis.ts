import { Redis, type RedisOptions } from 'ioredis';
import { Fault, type Log } from '@godwit/base';

const connectLimitMs = 5_000;
/** No command here takes longer than a round trip. */
const commandLimitMs = 2_000;
const retryMaxMs = 1_000;

/**
 * A connection that comes back by itself. While it is away each command fails at once: nothing is queued for later, and none is sent twice.
 * Throws COORDINATOR_OPTIONS for a URL that is none, REDIS_UNAVAILABLE when there is no answer at the start.
 */
export async function connectRedis(url: string, log: Log, options: RedisOptions = {}): Promise<Redis> {
  requireRedisUrl(url);
  const redis = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: connectLimitMs,
    commandTimeout: commandLimitMs,
    retryStrategy: (times) => Math.min(50 * times, retryMaxMs),
    connectionName: 'godwit-coordinator',
    ...options,
  });
  // Without a listener each failed attempt would end the process.
  redis.on('error', (error) => log.debug('redis.connection', { error }));
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw new Fault('REDIS_UNAVAILABLE', { subject: withoutSecret(url), cause: error });
  }
  return redis;
}

/** What Redis answers; REDIS_UNAVAILABLE when it does not. */
export async function answered<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw new Fault('REDIS_UNAVAILABLE', { cause: error });
  }
}

export function requireRedisUrl(text: string): void {
  const { protocol = '' } = URL.parse(text) ?? {};
  if (protocol !== 'redis:' && protocol !== 'rediss:') throw new Fault('COORDINATOR_OPTIONS', { subject: 'REDIS_URL', expected: 'redis://HOST:PORT or rediss://HOST:PORT', found: 'something else' });
}

function withoutSecret(text: string): string {
  return URL.parse(text)?.host ?? 'REDIS_URL';
}
