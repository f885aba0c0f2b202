import { equal } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { startRedis } from './redis.ts';

test('the Redis of these tests has what it acknowledged, also after kill -9', async () => {
  const directory = await mkdtemp('/tmp/godwit-r-');
  await using redis = await startRedis(directory);
  await ask(redis.url, (client) => client.set('word', 'kept'));
  await redis.kill();
  await redis.start();
  await ask(redis.url, async (client) => {
    equal(await client.get('word'), 'kept');
    equal((await client.config('GET', 'maxmemory-policy'))[1], 'noeviction');
  });
  await rm(directory, { recursive: true });
});

async function ask(url: string, work: (client: Redis) => Promise<unknown>): Promise<void> {
  const client = new Redis(url);
  try {
    await work(client);
  } finally {
    client.disconnect();
  }
}
