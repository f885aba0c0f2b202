import type { DesktopRow } from '@godwit/wire/operators';

/** How much work would be lost if the host of a desktop died this instant: since its newest durable checkpoint, or since it was made. Null: none. Pure. */
export function atRiskMs({ condition, protection, durableMs, createdMs }: Pick<DesktopRow, 'condition' | 'protection' | 'durableMs' | 'createdMs'>, nowMs: number): number | null {
  if (protection === 'safe' || condition === 'free') return null;
  return Math.max(0, nowMs - (durableMs ?? createdMs));
}
