import type { Clock } from '@godwit/base';

export interface UploadLimitOptions {
  /** Above 70,000, or a whole pack outlives what a store gives one request: the coordinator's own gives 120 s. */
  readonly bytesPerSecond: number;
  readonly clock: Clock;
  /** Resolves after `waitMs`, or at once when `signal` is aborted. Timers of the system unless told. */
  readonly sleep?: (waitMs: number, signal: AbortSignal) => Promise<void>;
}

/** How much one piece of a body is, in time: short enough for a line that others use too. */
const pieceMs = 50;
const pieceBytesMax = 256 * 1024;

/**
 * What all uploads that share it may take of a line together: in any stretch of time no more than its rate allows, and one piece. Nothing is saved up
 * while nothing is sent. Bodies go one after the other, so that each gets to its end while its URL is good.
 */
export class UploadLimit {
  readonly bytesPerSecond: number;
  /** The most that may be let pass at once, bytes. */
  readonly pieceBytes: number;
  readonly #clock: Clock;
  readonly #sleep: NonNullable<UploadLimitOptions['sleep']>;
  /** On the clock's `workMs`: when all that was let pass has had its time. */
  #freeMs = -Infinity;
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ bytesPerSecond, clock, sleep = systemSleep }: UploadLimitOptions) {
    this.bytesPerSecond = bytesPerSecond;
    this.pieceBytes = Math.min(pieceBytesMax, Math.ceil((bytesPerSecond * pieceMs) / 1000));
    this.#clock = clock;
    this.#sleep = sleep;
  }

  /** Runs `upload` when those before it have ended, whatever came of them. */
  async turn<Result>(upload: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(upload);
    this.#turn = result.catch(() => undefined); // Told to its own caller; the next one has its turn.
    return await result;
  }

  /** Waits until `lengthBytes`, at most `pieceBytes`, may go out; returns early when `signal` is aborted. */
  async pass(lengthBytes: number, signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.workMs();
    const startMs = Math.max(nowMs, this.#freeMs);
    this.#freeMs = startMs + (lengthBytes * 1000) / this.bytesPerSecond;
    if (startMs > nowMs) await this.#sleep(startMs - nowMs, signal);
  }
}

function systemSleep(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, waitMs);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
