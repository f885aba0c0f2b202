import { DelayedError, Queue, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { Fault, type Clock, type Log } from '@godwit/base';
import { answered, connectRedis } from '../replicas/redis.ts';
import { attemptsMax, everyMsOf, pauseAfterMs, type Pace } from './attempts.ts';
import { Overdue } from './overdue.ts';
import type { Attempt, Rounds } from './rounds.ts';
import { WorkerConnection } from './worker-connection.ts';

const queueName = 'rounds';
/** A round whose replica was killed is begun again at another one after at most these two together. */
const lockMs = 30_000;
const stalledMs = 10_000;
/** Each replica looks so often whether each job waits for its next round: a Redis that lost its memory is told again. */
const lookMaxMs = 60_000;
/** After a Redis that was away, before BullMQ asks it again. */
const retryMs = 1_000;
/** A round that this replica knows nothing of, of a newer version or for a bucket that it was not told of: another may. */
const elsewhereMs = 5_000;
/** A worker blocks for 10 s and looks after itself a second later: one that took nothing of what was due for so long will not take anything any more. */
const idleMaxMs = 30_000;
/** How long Redis may take to hear that the last rounds here have ended. */
const goodbyeMs = 2_000;

interface Parts extends Pace {
  readonly redisUrl: string;
  /** The same for all replicas on one database, and for no others. */
  readonly audience: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Of replicas: BullMQ runs each round at one of them. A job's name is the id of its one entry in the queue, which waits for its time, runs, or waits to
 * be tried again; so however many replicas add it, it is there once. Nothing but the name is taken from Redis.
 */
export class SharedRounds implements Rounds {
  readonly #jobs: ReadonlyMap<string, Attempt>;
  readonly #parts: Parts;
  readonly #queue: Queue;
  readonly #telling: Redis;
  readonly #overdue: Overdue;
  #worker: Worker;
  #working: WorkerConnection;
  #replacing: Promise<void> | undefined;
  readonly #end = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  /** Rounds that were begun here and that Redis does not know the end of yet. */
  readonly #unfinished = new Set<string>();
  #allFinished = (): void => undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #prefix: string;

  /** Throws as `connectRedis`. */
  static async begin(jobs: Readonly<Record<string, Attempt>>, parts: Parts): Promise<SharedRounds> {
    const telling = await connectRedis(parts.redisUrl, parts.log);
    try {
      return new SharedRounds(jobs, parts, telling, await WorkerConnection.open(parts.redisUrl, parts.log));
    } catch (error) {
      telling.disconnect();
      throw error;
    }
  }

  private constructor(jobs: Readonly<Record<string, Attempt>>, parts: Parts, telling: Redis, working: WorkerConnection) {
    const { audience, everyMs, log } = parts;
    [this.#jobs, this.#parts] = [new Map(Object.entries(jobs)), parts];
    [this.#telling, this.#working] = [telling, working];
    this.#prefix = `godwit:${audience}`;
    this.#overdue = new Overdue(pauseAfterMs(attemptsMax - 1, parts.againMs) + idleMaxMs);
    this.#queue = new Queue(queueName, { connection: telling, prefix: this.#prefix, skipWaitingForReady: true });
    this.#queue.on('error', (error) => log.debug('jobs.redis', { error }));
    this.#worker = this.#startWorker(working);
    this.#planAll();
    this.#timer = setInterval(() => this.#look(), Math.max(1, Math.min(everyMs, lookMaxMs)));
  }

  async begin(job: string): Promise<void> {
    await answered(async () => {
      const state = await this.#queue.getJobState(job);
      if (state === 'unknown') await this.#add(job, 0);
      if (state === 'delayed') await this.#promote(job);
    });
  }

  async #promote(job: string): Promise<void> {
    try {
      await (await this.#queue.getJob(job))?.promote();
    } catch (error) {
      // One that does not wait any more was begun by whoever was quicker.
      if ((await this.#queue.getJobState(job)) === 'delayed') throw error;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#end.abort();
    await this.#replacing;
    await Promise.allSettled(this.#underWay);
    await this.#sayGoodbye();
    await endWorker(this.#worker, this.#working);
    await this.#queue.close();
    this.#telling.disconnect();
  }

  #startWorker(working: WorkerConnection): Worker {
    const { log } = this.#parts;
    const worker = new Worker(queueName, (job, token) => this.#work(job, token), {
      connection: working.redis, prefix: this.#prefix, autorun: false, concurrency: this.#jobs.size, lockDuration: lockMs, stalledInterval: stalledMs, maxStalledCount: attemptsMax, runRetryDelay: retryMs,
    });
    worker.on('error', (error) => log.debug('jobs.redis', { error }));
    worker.on('completed', ({ name }) => this.#finished(name));
    worker.on('failed', (job, error) => {
      log.warn('job.failed', { job: job?.name, attempt: job?.attemptsMade, error });
      if (job !== undefined) this.#finished(job.name);
    });
    worker.run().catch((error: unknown) => log.error('jobs.worker', { error }));
    return worker;
  }

  /** What Redis is not told in time it finds out: those rounds are begun again. */
  async #sayGoodbye(): Promise<void> {
    if (this.#unfinished.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, goodbyeMs);
      this.#allFinished = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #work(job: Job, token: string | undefined): Promise<void> {
    const attempt = this.#jobs.get(job.name);
    if (attempt === undefined || this.#end.signal.aborted) {
      await job.moveToDelayed(this.#parts.clock.wallMs() + elsewhereMs, token);
      throw new DelayedError();
    }
    this.#overdue.taken(this.#parts.clock.workMs());
    const work = attempt(job.attemptsMade + 1, this.#end.signal);
    this.#underWay.add(work);
    this.#unfinished.add(job.name);
    await work.finally(() => this.#underWay.delete(work));
  }

  #finished(job: string): void {
    this.#unfinished.delete(job);
    if (this.#unfinished.size === 0) this.#allFinished();
    this.#plan(job);
  }

  /** Has the job's next round wait for its time, unless it waits or runs already. */
  #plan(job: string): void {
    this.#add(job, everyMsOf(this.#parts, job)).catch((error: unknown) => this.#parts.log.debug('jobs.unplanned', { job, error: Fault.from(error) }));
  }

  #look(): void {
    this.#planAll();
    this.#replacing ??= this.#replaceIdle()
      .catch((error: unknown) => this.#parts.log.debug('jobs.not-looked-at', { error: Fault.from(error) }))
      .finally(() => (this.#replacing = undefined));
  }

  /**
   * Another worker in the place of one that takes nothing of what is due, whatever it waits for: after a Redis that was away its blocking connection may stay away
   * for good (the like of taskforcesh/bullmq#4479 and #4585). Not while a round is under way here: then it works.
   */
  async #replaceIdle(): Promise<void> {
    const { clock, log, redisUrl } = this.#parts;
    const due = [...(await this.#queue.getWaiting(0, this.#jobs.size)), ...(await this.#queue.getDelayed(0, this.#jobs.size)).filter(({ timestamp, delay }) => timestamp + delay <= clock.wallMs())];
    const idleMs = this.#overdue.idleMs(due.map(({ name, timestamp, attemptsMade }) => `${name} ${timestamp} ${attemptsMade}`), clock.workMs());
    if (idleMs === undefined || this.#underWay.size > 0 || this.#end.signal.aborted) return;
    log.warn('jobs.worker-replaced', { idleMs, due: due.map(({ name }) => name) });
    const [idle, itsConnection] = [this.#worker, this.#working];
    this.#working = await WorkerConnection.open(redisUrl, log);
    this.#worker = this.#startWorker(this.#working);
    this.#overdue.taken(clock.workMs());
    await endWorker(idle, itsConnection);
  }

  #planAll(): void {
    for (const job of this.#jobs.keys()) this.#plan(job);
  }

  async #add(job: string, delay: number): Promise<void> {
    // Pauses as `pauseAfterMs` has them.
    const backoff = { type: 'exponential', delay: this.#parts.againMs };
    await this.#queue.add(job, {}, { jobId: job, delay, attempts: attemptsMax, backoff, removeOnComplete: true, removeOnFail: true });
  }
}

/** By force: a worker that waits for a Redis that is away would never end (taskforcesh/bullmq#4656). */
async function endWorker(worker: Worker, working: WorkerConnection): Promise<void> {
  try {
    await worker.close(true);
  } finally {
    working.end();
  }
}
