import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { Fault } from '@godwit/base';
import type { PackThreads, PageDigests, Region } from '@godwit/snapshot';
import { handOver, type Privilege } from '../machine/privilege.ts';
import type { CapturedState, CaptureOrder, CaptureReport } from './capture-worker.ts';
import type { StateReceiver } from './receive-state.ts';

export interface CaptureThreadOptions {
  /** Where the frames go. */
  readonly packs: PackThreads;
  /** This capture's own copy of what the parent's pages are. */
  readonly digests: PageDigests;
  readonly parentRegions: readonly Region[];
  /** By region: groups of pages that come into frames of their own, because they will be wanted together. */
  readonly together: ReadonlyMap<number, readonly (readonly number[])[]>;
  /** Called once, with all but what the pack threads still have to do, before `receive` resolves. */
  readonly take: (captured: CapturedState) => void;
}

/**
 * Receives a guest's state on a thread of its own (capture-worker.ts): nothing of it passes through this one, whose heap is large and whose
 * event loop serves others. `close` ends the thread, whatever it is doing.
 */
export class CaptureThread implements StateReceiver {
  readonly #options: CaptureThreadOptions;
  readonly #worker: Worker;
  #listening = Promise.withResolvers<undefined>();
  #captured = Promise.withResolvers<CapturedState>();
  #onFirstPage: (() => void) | undefined;
  #firstPageCame = false;
  #onProgress: (streamBytes: number) => void = () => undefined;

  /** Starts the thread: it has loaded its code by the time it is told to listen. */
  constructor(options: CaptureThreadOptions) {
    this.#options = options;
    this.#worker = new Worker(new URL('capture-worker.js', import.meta.url), { name: 'godwit-capture' });
    this.#worker.on('message', (report: CaptureReport) => this.#take(report));
    this.#worker.on('error', (error) => this.#fail(Fault.from(error)));
    this.#worker.on('exit', () => this.#fail(new Fault('CAPTURE_FAILED', { expected: 'the thread that captures', found: 'its end' })));
    options.packs.failed.catch((error: unknown) => this.#fail(error));
    this.#captured.promise.catch(() => undefined); // A capture that failed before it was asked for has its own reason.
    this.#listening.promise.catch(() => undefined); // The same.
  }

  async listen(path: string, privilege: Privilege): Promise<void> {
    // Left by an agent that was killed in the middle of a capture.
    rmSync(path, { force: true });
    const { packs, digests, parentRegions, together } = this.#options;
    const frames = packs.connect();
    const order: CaptureOrder = { path, frames, digests: digests.share(), parentRegions, together };
    this.#worker.postMessage(order, [...frames.ports]);
    await this.#listening.promise;
    handOver(privilege, path, 0o600);
  }

  async receive(onFirstPage: () => void, onProgress: (streamBytes: number) => void): Promise<number> {
    this.#onProgress = onProgress;
    this.#onFirstPage = onFirstPage;
    if (this.#firstPageCame) onFirstPage();
    const captured = await this.#captured.promise;
    this.#options.take(captured);
    return captured.ramBytesScanned;
  }

  close(): void {
    void this.#worker.terminate();
  }

  #take(report: CaptureReport): void {
    if ('fault' in report) this.#fail(Fault.fromJSON(report.fault));
    else if ('listening' in report) this.#listening.resolve(undefined);
    else if ('captured' in report) this.#captured.resolve(report.captured);
    else if ('streamBytes' in report) this.#onProgress(report.streamBytes);
    else {
      this.#firstPageCame = true;
      this.#onFirstPage?.();
    }
  }

  #fail(error: unknown): void {
    this.#listening.reject(error);
    this.#captured.reject(error);
  }
}
