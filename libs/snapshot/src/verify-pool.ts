import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { Fault, type FaultJson } from '@godwit/base';
import { keysOfPack, type DesktopKeys } from './keys.ts';
import { verifyThreadsMax } from './limits.ts';
import type { ManifestPack } from './manifest.ts';
import { encodePackContext } from './pack-format.ts';
import { readWholePack, type WholePack } from './verify-pack.ts';

/** What a thread is given: one pack, and of all keys only those of this pack, which it zeroes when it is done. */
export interface PackTask {
  readonly bytes: Uint8Array;
  readonly pack: ManifestPack;
  readonly seal: Uint8Array;
  readonly commitment: Uint8Array;
  readonly data: boolean;
}

export type PackAnswer = { readonly content: WholePack } | { readonly fault: FaultJson };

interface Job {
  readonly task: PackTask;
  readonly resolve: (content: WholePack) => void;
  readonly reject: (error: Fault) => void;
}

interface Thread {
  readonly worker: Worker;
  job: Job | undefined;
}

/** Below this in all, threads take longer to start than the work would. */
const threadsFromBytes = 4 * 1024 * 1024;

/** Digests, opens and decompresses packs on as many threads as there are cores, at most four. `close` it. */
export class VerifyPool {
  /** Packs to hand in at once: one more than threads, so that none waits for the store. */
  readonly atOnce: number;
  readonly #keys: DesktopKeys;
  readonly #data: boolean;
  readonly #threads: Thread[] = [];
  readonly #waiting: Job[] = [];
  /** Why a thread ended: a pool that lost one takes no more work. */
  #broken: Fault | undefined;

  constructor(keys: DesktopKeys, data: boolean, totalBytes: number) {
    this.#keys = keys;
    this.#data = data;
    const count = totalBytes < threadsFromBytes ? 0 : Math.min(availableParallelism(), verifyThreadsMax);
    for (let number = 0; number < count; number += 1) this.#start();
    this.atOnce = count + 2;
  }

  /** `readWholePack` of bytes that are given away: they may be gone when this returns. */
  async check(bytes: Buffer, pack: ManifestPack): Promise<WholePack> {
    if (this.#threads.length === 0) return readWholePack(bytes, pack, this.#keys, this.#data);
    const { seal, commitment } = keysOfPack(this.#keys, pack, encodePackContext(pack));
    const whole = bytes.byteOffset === 0 && bytes.length === bytes.buffer.byteLength;
    // Copies of their own: a view into a larger buffer would take all of that with it.
    const task: PackTask = { bytes: whole ? bytes : Uint8Array.from(bytes), pack: { ...pack, digest: Buffer.from(Uint8Array.from(pack.digest).buffer) }, seal: Uint8Array.from(seal.bytes), commitment: Uint8Array.from(commitment), data: this.#data };
    seal.zero();
    return await new Promise((resolve, reject) => {
      if (this.#broken !== undefined) return reject(this.#broken);
      this.#waiting.push({ task, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(async ({ worker }) => await worker.terminate()));
  }

  #start(): void {
    const thread: Thread = { worker: new Worker(new URL('verify-worker.js', import.meta.url)), job: undefined };
    this.#threads.push(thread);
    const end = (settle: (job: Job) => void): void => {
      const { job } = thread;
      thread.job = undefined;
      if (job !== undefined) settle(job);
    };
    thread.worker.on('message', (answer: PackAnswer) => {
      end((job) => {
        if ('content' in answer) job.resolve(answer.content);
        else job.reject(Fault.fromJSON(answer.fault));
      });
      this.#next();
    });
    const broken = (error: unknown): void => {
      const fault = Fault.from(error);
      this.#broken ??= fault;
      end((job) => job.reject(fault));
      for (const job of this.#waiting.splice(0)) job.reject(fault);
    };
    thread.worker.on('error', broken).on('exit', () => broken(new Fault('CANCELLED', { subject: 'a thread of verify' })));
  }

  #next(): void {
    for (const thread of this.#threads) {
      if (thread.job !== undefined) continue;
      const job = this.#waiting.shift();
      if (job === undefined) return;
      thread.job = job;
      const { bytes, seal } = job.task;
      thread.worker.postMessage(job.task, [bytes.buffer, seal.buffer] as ArrayBuffer[]);
    }
  }
}
