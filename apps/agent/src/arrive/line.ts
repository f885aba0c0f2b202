import type { Clock } from '@godwit/base';
import type { ByteRange, ObjectStore } from '@godwit/snapshot';

/** How much to ask for at once. */
export interface Pace {
  /** The most that one request asks for, in bytes. */
  readonly coalesceBytes: number;
  /** Requests under way at once, at the most. */
  readonly inFlight: number;
  /** What travels on the full line: those behind the first request under way need not be more than this together. A page fault waits behind all of them. */
  readonly lineBytes: number;
}

const KiB = 1024;
const smallestBytes = 64 * KiB;
const largestBytes = 512 * KiB;
/** One request of the fill takes so long on the line: what a page fault waits behind stays small on a slow one. */
const requestMs = 20;
const mostInFlight = 8;
/** Before anything was measured. */
const unknownPace: Pace = { coalesceBytes: 128 * KiB, inFlight: 4, lineBytes: 384 * KiB };
/** A measurement of the rate needs so much. */
const sampleMs = 25;
const sampleBytes = 32 * KiB;
const newestWeight = 0.3;
/** Round trips are those of requests no larger than this, such as the page table's; the shortest of the newest few counts. */
const smallRequestBytes = 16 * KiB;
const roundTripsKept = 16;

/**
 * The line between this host and the store, as the requests themselves show it: round trip in ms, rate in bytes per ms. Pure: whoever sends a
 * request says when it began and ended.
 */
export class Line {
  #open = 0;
  #busySinceMs = 0;
  #busyBytes = 0;
  #bytesPerMs: number | undefined;
  readonly #roundTripsMs: number[] = [];

  /** Undefined until enough has passed. */
  get bytesPerMs(): number | undefined {
    return this.#bytesPerMs;
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripsMs.length === 0 ? undefined : Math.min(...this.#roundTripsMs);
  }

  began(atMs: number): void {
    if (this.#open === 0) this.#busySinceMs = atMs;
    this.#open += 1;
  }

  /** A request that began at `beganMs` brought so many bytes; 0 for one that failed. */
  ended(atMs: number, beganMs: number, lengthBytes: number): void {
    this.#open -= 1;
    this.#busyBytes += lengthBytes;
    const busyMs = Math.max(atMs - this.#busySinceMs, 0.01);
    if (this.#busyBytes >= sampleBytes && (this.#open === 0 || busyMs >= sampleMs)) {
      const rate = this.#busyBytes / busyMs;
      this.#bytesPerMs = this.#bytesPerMs === undefined ? rate : this.#bytesPerMs + newestWeight * (rate - this.#bytesPerMs);
      this.#startOver(atMs);
    } else if (this.#open === 0) this.#startOver(atMs);
    if (lengthBytes === 0 || lengthBytes > smallRequestBytes) return;
    this.#roundTripsMs.push(atMs - beganMs);
    if (this.#roundTripsMs.length > roundTripsKept) this.#roundTripsMs.shift();
  }

  /** For what nobody waits for: as much as fills the line, in pieces so small that a page fault gets its turn soon. */
  fillPace(): Pace {
    return fillPace(this.#bytesPerMs, this.roundTripMs);
  }

  /** For what the guest is about to ask for: one request more, where they are small. */
  burstPace(): Pace {
    const pace = this.fillPace();
    return { ...pace, inFlight: Math.max(unknownPace.inFlight, Math.min(mostInFlight, pace.inFlight + 1)) };
  }

  #startOver(atMs: number): void {
    this.#busySinceMs = atMs;
    this.#busyBytes = 0;
  }
}

/** Requests of about 20 ms each, 64 to 512 KiB, and so many that the next ones are under way while the first travels: 1 to 8. */
export function fillPace(bytesPerMs: number | undefined, roundTripMs: number | undefined): Pace {
  if (bytesPerMs === undefined || roundTripMs === undefined) return unknownPace;
  const coalesceBytes = Math.round(Math.min(largestBytes, Math.max(smallestBytes, bytesPerMs * requestMs)));
  const lineBytes = Math.ceil(roundTripMs * bytesPerMs);
  return { coalesceBytes, inFlight: Math.min(mostInFlight, 1 + Math.ceil(lineBytes / coalesceBytes)), lineBytes };
}

/** `store`, with what its reads show of the line told to `line`. */
export function measured(store: ObjectStore, line: Line, clock: Clock): ObjectStore {
  return {
    get: async (key: string, range?: ByteRange) => {
      const beganMs = clock.workMs();
      line.began(beganMs);
      let lengthBytes = 0;
      try {
        const bytes = await store.get(key, range);
        lengthBytes = bytes.length;
        return bytes;
      } finally {
        line.ended(clock.workMs(), beganMs, lengthBytes);
      }
    },
    size: (key) => store.size(key),
    put: (key, body) => store.put(key, body),
    list: (prefix) => store.list(prefix),
    delete: (key) => store.delete(key),
  };
}
