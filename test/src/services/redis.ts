import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';

/** A Redis of one test's own. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  /** As a power cut ends it. */
  kill(): Promise<void>;
  /** It answers nothing any more, and its connections stay open, until it is killed. */
  stall(): void;
  /** Again, on the same port, with what it had put into its file. */
  start(): Promise<void>;
}

const startTries = 10;

/** Keeps what it acknowledged in `directory`, which is there and empty. */
export async function startRedis(directory: string): Promise<RedisServer> {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    const redis = new PrivateRedis(directory, port);
    try {
      await redis.start();
      return redis;
    } catch (error) {
      // Somebody else took the port in between.
      if (tries === startTries) throw error;
    }
  }
}

/** One that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

class PrivateRedis implements RedisServer {
  readonly #directory: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  constructor(directory: string, port: number) {
    [this.#directory, this.#port] = [directory, port];
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    // `noeviction` is what BullMQ asks for, `always` what a durable queue costs at most.
    const options = ['--bind', '127.0.0.1', '--port', String(this.#port), '--dir', this.#directory, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction'];
    // Tied to this process: a test that is killed leaves none behind.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'redis-server', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`redis-server ended with ${code}`)));
    await Promise.race([ready(child), ended]);
    ended.catch(() => undefined); // From now on it may end.
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  stall(): void {
    this.#child?.kill('SIGSTOP');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}

/** Ends when it says that it takes connections; what it says afterwards is read and dropped. */
async function ready({ stdout }: ChildProcess): Promise<void> {
  if (stdout === null) throw new Error('no output to read');
  const lines = createInterface({ input: stdout });
  await new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      if (line.includes('Ready to accept connections')) resolve();
    });
  });
}
