import type { StoreView } from '@godwit/wire';

const dayMs = 24 * 3_600_000;
const weekMs = 7 * dayMs;

/**
 * When the store is full if it goes on growing as in the last week, by the coordinator's clock. Null: what is free is not known, it does not
 * grow, or there is no measure that is a day old. `growth`: oldest first, today's last.
 */
export function fullAt(growth: StoreView['growth'], freeBytes: number | null, nowMs: number): number | null {
  const today = growth.at(-1);
  if (freeBytes === null || today === undefined) return null;
  const first = growth.find((day) => day.dayMs >= today.dayMs - weekMs) ?? today;
  const spanMs = today.dayMs - first.dayMs;
  const grownBytes = today.liveBytes + today.deadBytes - first.liveBytes - first.deadBytes;
  if (spanMs < dayMs || grownBytes <= 0) return null;
  const fullAtMs = Math.round(nowMs + (freeBytes / grownBytes) * spanMs);
  return Number.isSafeInteger(fullAtMs) ? fullAtMs : null;
}
