/** All on one clock, in ms. */
export interface FirstMoments {
  readonly nowMs: number;
  /** When the burst had been sent. */
  readonly sinceMs: number;
  /** When the guest first said something; undefined while it has not. */
  readonly outputAtMs: number | undefined;
  /** When the last fault had been served; 0 before the first. */
  readonly faultAtMs: number;
  /** To the store. */
  readonly roundTripMs: number;
}

/** After its first word a guest goes on with what it does: what it asks for so soon after is still wanted at once next time. */
const afterOutputMs = 300;
/** On a slow line it gets less far in that time: at least so many round trips. */
const afterOutputRoundTrips = 30;
/** A guest that asks for nothing for so long has what it needs. */
const calmMs = 1_500;
const longestMs = 8_000;
/** On a slow line the same pages take longer: at least so many round trips. */
const longestRoundTrips = 400;

/** Whether the first moments are over: from then on a fault says nothing about the next arrival, and the rest of the memory comes. */
export function isOver({ nowMs, sinceMs, outputAtMs, faultAtMs, roundTripMs }: FirstMoments): boolean {
  if (outputAtMs !== undefined && nowMs - outputAtMs >= Math.max(afterOutputMs, afterOutputRoundTrips * roundTripMs)) return true;
  if (nowMs - Math.max(sinceMs, faultAtMs) >= calmMs) return true;
  return nowMs - sinceMs >= Math.max(longestMs, longestRoundTrips * roundTripMs);
}
