import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { LinkWork } from './link-worker.ts';
import type { LinkShape } from './links.ts';

/**
 * A link with a rate and a delay, made of nothing but this process: connections to `port` go on to the target as over that link. Each way has its
 * own rate, which all connections share by turns. Losses, and the slow start of a fresh connection, are not imitated.
 */
export class ShapedLink implements AsyncDisposable {
  readonly port: number;
  readonly #worker: Worker;

  private constructor(worker: Worker, port: number) {
    [this.#worker, this.port] = [worker, port];
  }

  /** `target`: a port of this machine, or the path of a Unix socket. */
  static async to(target: number | string, shape: LinkShape): Promise<ShapedLink> {
    const worker = new Worker(new URL('./link-worker.js', import.meta.url), { workerData: { target, shape } satisfies LinkWork });
    const [port] = (await once(worker, 'message')) as [number];
    return new ShapedLink(worker, port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
