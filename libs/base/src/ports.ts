import { randomBytes } from 'node:crypto';
import { uptime } from 'node:os';
import { idBytes, idFromBytes, type AnyId } from './ids.ts';

/** Time, as a port: policies and protocols take one, so that tests and the simulation can drive it. */
export interface Clock {
  /** Milliseconds since 1970, for people and for display only: it may jump either way. */
  wallMs(): number;
  /** Milliseconds since boot, counting sleep (CLOCK_BOOTTIME); the only clock leases may use. Resolution 10 ms. */
  bootMs(): number;
  /** Milliseconds on a clock that stops while the machine sleeps; for measuring how long work took. */
  workMs(): number;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  bootMs: () => Math.round(uptime() * 1000),
  workMs: () => performance.now(),
};

/** Randomness, as a port. `lengthBytes` bytes from a cryptographic source. */
export type Random = (lengthBytes: number) => Buffer;

export const systemRandom: Random = (lengthBytes) => randomBytes(lengthBytes);

export function newId<Id extends AnyId>(random: Random): Id {
  return idFromBytes<Id>(random(idBytes));
}
