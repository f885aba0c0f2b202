import { deepEqual, equal } from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { breakAndMend, careForDeadLetters, dropSharedCluster, holdTable, idleOnce, newDatabaseUrl, raiseStage, rowsOf, WebhookReceiver } from '@godwit/api/testing';
import { CoordinatorProcess } from './coordinator-process.ts';
import { startRedis, type RedisServer } from './redis.ts';

after(dropSharedCluster);

const jobs = ['find', 'forget', 'measure', 'prune', 'scrub'];
const limit = { timeout: 240_000 };

/** What replicas share, and the replicas. */
class Ground implements AsyncDisposable {
  readonly #directory: string;
  readonly redis: RedisServer;
  readonly databaseUrl: string;
  readonly #replicas: CoordinatorProcess[] = [];

  private constructor(directory: string, redis: RedisServer, databaseUrl: string) {
    [this.#directory, this.redis, this.databaseUrl] = [directory, redis, databaseUrl];
  }

  static async prepare(): Promise<Ground> {
    const directory = await mkdtemp('/tmp/godwit-j-');
    await mkdir(join(directory, 'redis'));
    return new Ground(directory, await startRedis(join(directory, 'redis')), await newDatabaseUrl());
  }

  async startReplica(more: NodeJS.ProcessEnv = {}): Promise<CoordinatorProcess> {
    const environment = { DATABASE_URL: this.databaseUrl, REDIS_URL: this.redis.url, ...more };
    const replica = await CoordinatorProcess.start(join(this.#directory, `c${this.#replicas.length}`), environment, ['--upkeep', '0.1', '--public-origin', 'https://godwit.test']);
    this.#replicas.push(replica);
    return replica;
  }

  /** As a Redis without a disk comes back after a power cut. */
  async restartRedisEmpty(): Promise<void> {
    await this.redis.kill();
    await rm(join(this.#directory, 'redis', 'appendonlydir'), { recursive: true });
    await this.redis.start();
  }

  rows<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return rowsOf<Row>(this.databaseUrl, text, values);
  }

  /** Until a query finds so many rows; the test's own limit ends it. */
  async until(count: number, text: string, values: readonly unknown[] = []): Promise<void> {
    while ((await this.rows(text, values)).length < count) await sleep(100);
  }

  /** Until each job was done that was begun from now on; by none of `without`. */
  async untilAllDone(without: readonly string[] = []): Promise<void> {
    const [{ newest }] = await this.rows<{ newest: string }>('select coalesce(max(run_id), 0)::text as newest from job_runs') as [{ newest: string }];
    await this.until(jobs.length, `select distinct job from job_runs where state = 'done' and run_id > $1 and replica <> all($2::text[])`, [newest, without]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const replica of this.#replicas) await replica[Symbol.asyncDispose]();
    await this.redis[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true });
  }
}

/** Pairs of rounds of one job that ran at the same time. */
const overlaps = `select a.job, a.run_id, b.run_id as other from job_runs a join job_runs b on b.job = a.job and b.run_id > a.run_id and b.started_at < a.ended_at`;
/** A round of `measure` that waits for a table that somebody has. */
const waiting = `select replica from job_runs where job = 'measure' and state = 'running' and exists (select 1 from pg_locks where relation = 'store_days'::regclass and not granted)`;

test('each round is run once across replicas, and one that kill -9 cut off is begun again at another', limit, async () => {
  await using ground = await Ground.prepare();
  const left = await ground.startReplica();
  await ground.untilAllDone();
  const [{ replica: leftName }] = await ground.rows<{ replica: string }>('select distinct replica from job_runs') as [{ replica: string }];
  const right = await ground.startReplica();
  await ground.until(1, `select 1 from job_runs where state = 'done' and replica <> $1`, [leftName]);
  await ground.untilAllDone();
  deepEqual(await ground.rows(overlaps), []);
  const table = await holdTable(ground.databaseUrl, 'store_days');
  await ground.until(1, waiting);
  const [{ replica: cut }] = await ground.rows<{ replica: string }>(waiting) as [{ replica: string }];
  const killed = cut === leftName ? left : right;
  equal(await killed.end('SIGKILL'), 'SIGKILL');
  await table[Symbol.asyncDispose]();
  // All is done by the one that is left, and what the other was in the middle of is on record as cut off.
  await ground.untilAllDone([cut]);
  await ground.until(1, `select 1 from job_runs where replica = $1 and job = 'measure' and state = 'failed' and fault like 'the coordinator ended%'`, [cut]);
  equal(await (killed === left ? right : left).end('SIGTERM'), 0);
});

test('jobs go on after a Redis that was restarted, also without its memory, and replicas end on SIGTERM', limit, async () => {
  await using ground = await Ground.prepare();
  const [left, right] = [await ground.startReplica(), await ground.startReplica()];
  await ground.untilAllDone();
  await ground.redis.kill();
  await ground.redis.start();
  await ground.untilAllDone();
  await ground.restartRedisEmpty();
  await ground.untilAllDone();
  equal(await left.end('SIGTERM'), 0);
  await ground.untilAllDone();
  equal(await right.end('SIGTERM'), 0);
  deepEqual([left, right].map(({ log }) => log), ['', '']);
});

test('a replica whose worker takes nothing any more gets another', limit, async () => {
  await using ground = await Ground.prepare();
  idleOnce();
  await using _stage = await raiseStage({ databaseUrl: ground.databaseUrl, redisUrl: ground.redis.url, publicOrigin: 'https://godwit.test', upkeep: { everyMs: 20, againMs: 5 } });
  await ground.untilAllDone();
});

test('a replica ends on SIGTERM while its Redis is gone, and while it answers nothing', limit, async () => {
  await using ground = await Ground.prepare();
  const [left, right] = [await ground.startReplica(), await ground.startReplica()];
  await ground.untilAllDone();
  ground.redis.stall();
  equal(await left.end('SIGTERM'), 0);
  await ground.redis.kill();
  equal(await right.end('SIGTERM'), 0);
});

test('replicas give a job up as one coordinator does, and operators care for it at any of them', limit, async () => {
  await using ground = await Ground.prepare();
  const options = { databaseUrl: ground.databaseUrl, redisUrl: ground.redis.url, publicOrigin: 'https://godwit.test' };
  {
    await using _short = await raiseStage({ ...options, upkeep: { everyMs: 20, againMs: 5 } });
    await breakAndMend(ground.databaseUrl);
  }
  await ground.rows('delete from job_runs');
  await ground.restartRedisEmpty();
  await using _other = await raiseStage(options);
  await using stage = await raiseStage(options);
  await careForDeadLetters(stage.coordinator, ground.databaseUrl);
});

test('what needs a person is told once across replicas, and again under the same id when the one that told it was killed before it knew', limit, async () => {
  await using ground = await Ground.prepare();
  await using receiver = await WebhookReceiver.listen();
  // The first post is taken, and its sender never hears of it.
  receiver.answer = () => undefined;
  const environment = { NOTIFY_WEBHOOK_URL: receiver.url.href };
  const left = await ground.startReplica(environment);
  await ground.until(1, 'select 1 from job_runs');
  const [{ replica: leftName }] = await ground.rows<{ replica: string }>('select replica from job_runs limit 1') as [{ replica: string }];
  const right = await ground.startReplica(environment);
  // A letter of a job that there is not stays: no round of it ends well.
  await ground.rows(`insert into dead_letters (job, fault) values ('gone-job', 'STORE_FULL: full')`);
  const [first] = await receiver.until(1);
  const telling = `select replica from job_runs where job = 'tell-webhook' and state = 'running'`;
  await ground.until(1, telling);
  const [{ replica }] = await ground.rows<{ replica: string }>(telling) as [{ replica: string }];
  receiver.answer = (response) => response.writeHead(204).end();
  const killed = replica === leftName ? left : right;
  equal(await killed.end('SIGKILL'), 'SIGKILL');
  const [, second] = await receiver.until(2);
  deepEqual(second!.message, first!.message);
  const told = (): string[] => [...new Map(receiver.posts.map(({ message }) => [message.id, message])).values()].flatMap(({ notices }) => notices).filter(({ code }) => code === 'JOB_FAILED').map(({ change, id }) => `${change} ${id}`);
  while (!told().includes('new JOB_FAILED:gone-job')) await sleep(100);
  await ground.until(3, `select 1 from job_runs where job = 'tell-webhook' and state = 'done'`);
  deepEqual(told(), ['new JOB_FAILED:gone-job']);
  equal(await (killed === left ? right : left).end('SIGTERM'), 0);
});
