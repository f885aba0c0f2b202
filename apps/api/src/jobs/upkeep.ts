/** What the coordinator does by itself, and how often. */
export interface UpkeepOptions {
  /** From the moment that nothing needs an object to its deletion. */
  readonly graceMs: number;
  /** After the store refused to delete an object, before it is asked again. */
  readonly retryMs: number;
  /** From the deletion of an object in the store to that in the second bucket. */
  readonly secondGraceMs: number;
  /** From the end of one round to the beginning of the next. */
  readonly everyMs: number;
  /** The same of those that tell operators outside, where that is sooner. */
  readonly tellEveryMs: number;
  /** Between two looks for jobs that were asked for at the machine, past every coordinator. */
  readonly askedEveryMs: number;
  /** So long what needed a person has to be gone before that is told outside. */
  readonly goneAfterMs: number;
  /** After the first failure of a round; each time twice as long after the next ones. */
  readonly againMs: number;
  /** Bytes per second that scrub reads at most: it must not be felt. */
  readonly scrubBytesPerSecond: number;
  /** After this time an object is looked at again. */
  readonly scrubAgainMs: number;
}

const hourMs = 3_600_000;

/** The longest commit that a writer may be in the middle of is minutes; an hour forgives a laptop that slept through lunch. */
export const defaultUpkeep: UpkeepOptions = { graceMs: hourMs, retryMs: hourMs, secondGraceMs: 7 * 24 * hourMs, everyMs: 10 * 60_000, tellEveryMs: 60_000, askedEveryMs: 5_000, goneAfterMs: 10 * 60_000, againMs: 5_000, scrubBytesPerSecond: 16 * 2 ** 20, scrubAgainMs: 7 * 24 * hourMs };

export class Upkeep implements UpkeepOptions {
  readonly graceMs: number;
  readonly retryMs: number;
  readonly secondGraceMs: number;
  readonly everyMs: number;
  readonly tellEveryMs: number;
  readonly askedEveryMs: number;
  readonly goneAfterMs: number;
  readonly againMs: number;
  readonly scrubBytesPerSecond: number;
  readonly scrubAgainMs: number;

  constructor(options: Partial<UpkeepOptions> = {}) {
    const whole = { ...defaultUpkeep, ...options };
    this.graceMs = whole.graceMs;
    this.retryMs = whole.retryMs;
    this.secondGraceMs = whole.secondGraceMs;
    this.everyMs = whole.everyMs;
    this.tellEveryMs = whole.tellEveryMs;
    this.askedEveryMs = whole.askedEveryMs;
    this.goneAfterMs = whole.goneAfterMs;
    this.againMs = whole.againMs;
    this.scrubBytesPerSecond = whole.scrubBytesPerSecond;
    this.scrubAgainMs = whole.scrubAgainMs;
  }
}

/** Ends early, without a fault, when `signal` does: then false. */
export async function pause(forMs: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, forMs);
    signal.addEventListener('abort', done);
  });
  return !isOver(signal);
}

/** Asked anew: it may have changed while somebody waited. */
export function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
