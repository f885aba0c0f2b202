import { Rate } from '../desktop/rate.ts';

/** One look at a pre-copy migration under way, as `query-migrate` tells it. */
export interface RoundLook {
  readonly atMs: number;
  /** How often dirty pages were looked for: 1 in the first pass. */
  readonly round: number;
  /** To send before the round is over. */
  readonly remainingBytes: number;
  /** Sent since the beginning: with back-pressure, what the receiver took. */
  readonly transferredBytes: number;
}

/** What to set while the migration runs; undefined: as it is. */
export interface PaceStep {
  /** True once, for good: the guest is to be stopped and the rest sent. */
  readonly switchOver: boolean;
  /** Bytes a second. */
  readonly maxBandwidthBytes: number | undefined;
}

/** The pause that the rest of the memory may take, at the rate of the line. */
export const pauseAimMs = 300;
/** A round is worth it when two of them shrink what is left by so much. */
const shrinkPart = 0.1;
const roundsMax = 30;
/** Above the measured rate, so that a line that gets faster is found out. */
const headroom = 1.25;
const rateChangePart = 0.1;

/**
 * When a pre-copy of several rounds stops the guest: as soon as the rest fits the pause at the rate that the receiver takes (not the rate of a burst into
 * its buffers), when the rounds stop helping, or after 30 of them. Pure.
 */
export class Pace {
  readonly #rate = new Rate();
  /** What was left at the beginning of each round. */
  readonly #leftAtStart: number[] = [];
  #round = 0;
  #switched = false;
  #bandwidthBytes: number | undefined;

  look({ atMs, round, remainingBytes, transferredBytes }: RoundLook): PaceStep {
    const rate = this.#rate.look(atMs, transferredBytes);
    if (round > this.#round) {
      this.#round = round;
      this.#leftAtStart.push(remainingBytes);
    }
    if (this.#switched || this.#round < 2) return { switchOver: false, maxBandwidthBytes: undefined };
    this.#switched = this.#fits(remainingBytes, rate) || this.#stoppedHelping() || this.#leftAtStart.length > roundsMax;
    if (this.#switched) return { switchOver: true, maxBandwidthBytes: undefined };
    return { switchOver: false, maxBandwidthBytes: this.#bandwidth(rate) };
  }

  #fits(remainingBytes: number, rate: number | null): boolean {
    return rate !== null && remainingBytes * 1000 <= rate * pauseAimMs;
  }

  /** What is left now, against two rounds ago. The first pass says nothing: all of memory is left then. */
  #stoppedHelping(): boolean {
    const [before, , now] = this.#leftAtStart.slice(-3);
    return this.#leftAtStart.length > 3 && before !== undefined && now !== undefined && now > before * (1 - shrinkPart);
  }

  #bandwidth(rate: number | null): number | undefined {
    if (rate === null || rate === 0) return undefined;
    const wanted = Math.ceil(rate * headroom);
    const known = this.#bandwidthBytes;
    if (known !== undefined && Math.abs(wanted - known) <= known * rateChangePart) return undefined;
    this.#bandwidthBytes = wanted;
    return wanted;
  }
}
