import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { newDatabaseUrl } from '@godwit/api/testing';
import { coordinatorProgram } from '../house/house.ts';
import { startCeph, type Ceph } from './ceph.ts';
import { startRedis, type RedisServer } from './redis.ts';

const bucket = 'fleet';
export const fleetOrigin = 'https://godwit.test';

export interface Replica {
  readonly url: string;
  readonly audience: string;
  readonly pid: number;
}

/** What several coordinators share, real and of one test's own: PostgreSQL, Redis, S3; and the coordinators, each a process. */
export class Fleet implements AsyncDisposable {
  readonly databaseUrl: string;
  readonly redis: RedisServer;
  readonly ceph: Ceph;
  readonly #directory: string;
  readonly #children = new Map<string, ChildProcess>();

  private constructor(directory: string, databaseUrl: string, redis: RedisServer, ceph: Ceph) {
    [this.#directory, this.databaseUrl, this.redis, this.ceph] = [directory, databaseUrl, redis, ceph];
  }

  /** PostgreSQL is the one of this process: `dropSharedCluster` ends it. */
  static async prepare(): Promise<Fleet> {
    await using undo = new AsyncDisposableStack();
    const directory = mkdtempSync('/tmp/godwit-f-');
    undo.defer(() => rmSync(directory, { recursive: true, force: true }));
    mkdirSync(join(directory, 'redis'));
    const redis = undo.use(await startRedis(join(directory, 'redis')));
    const ceph = undo.use(await startCeph());
    await ceph.client.makeBucket(bucket);
    const fleet = new Fleet(directory, await newDatabaseUrl('empty'), redis, ceph);
    undo.move();
    return fleet;
  }

  /** What names the shared services to a coordinator. */
  get environment(): Record<string, string> {
    return { DATABASE_URL: this.databaseUrl, REDIS_URL: this.redis.url, ...this.ceph.environmentOf(bucket) };
  }

  /** Resolves when it is ready. Again after its end too, with the folder that it had. `words`: of its command line, beside what all have. */
  async start(name: string, words: readonly string[] = []): Promise<Replica> {
    const all = ['--data', join(this.#directory, name), '--listen', '127.0.0.1:0', '--public-origin', fleetOrigin, '--json', ...words];
    // Tied to this process: a test that is killed leaves none behind.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, coordinatorProgram, ...all], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...this.environment } });
    this.#children.set(name, child);
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([once(lines, 'line'), once(child, 'exit').then(([code]) => Promise.reject(new Error(`coordinator ${name} ended with ${code}`)))])) as [string];
    return JSON.parse(line) as Replica;
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#children.get(name)?.kill(signal);
  }

  /** The exit code, when it has ended. */
  async ended(name: string): Promise<number | null> {
    const child = this.#children.get(name)!;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    this.#children.delete(name);
    return child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#children.keys()].map((name) => {
      this.signal(name, 'SIGKILL');
      return this.ended(name);
    }));
    await this.ceph[Symbol.asyncDispose]();
    await this.redis[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
