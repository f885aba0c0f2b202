/** What is known of the protection of a desktop that runs here. */
export interface Protected {
  readonly everyMs: number;
  /** When its newest background checkpoint was acknowledged, by the wall clock, for display; undefined: none was since this agent began. */
  readonly lastWallMs?: number;
  /** Why the attempts since have failed. */
  readonly failing?: string;
}

/** What `status` says of it. `nowMs` on the same wall clock, which may have been set back. Pure. */
export function protectionNote({ everyMs, lastWallMs, failing }: Protected, nowMs: number): string {
  const last = lastWallMs === undefined ? undefined : agoText(Math.max(0, nowMs - lastWallMs));
  if (failing !== undefined) return `not protected ${last === undefined ? 'yet' : `since the last checkpoint ${last}`}: ${failing}`;
  return `protected every ${everyText(everyMs)}${last === undefined ? '' : `, last checkpoint ${last}`}`;
}

/** `5m`, as it is typed. */
export function everyText(ms: number): string {
  for (const [unit, unitMs] of [['h', 3_600_000], ['m', 60_000]] as const) if (ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  return `${Math.round(ms / 1_000)}s`;
}

function agoText(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 120) return `${seconds} s ago`;
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} min ago` : `${Math.floor(seconds / 3_600)} h ago`;
}
