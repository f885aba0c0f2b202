/** Figures as the command line prints them: three digits, or two and a decimal. Pure. */

/** `3.1 MiB`; whole bytes below 1 KiB. */
export function bytesText(lengthBytes: number): string {
  if (lengthBytes < 1000) return `${Math.round(lengthBytes)} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = lengthBytes;
  let unit = -1;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit] ?? ''}`;
}

export function rateText(bytesPerSecond: number): string {
  return `${bytesText(bytesPerSecond)}/s`;
}

/** How long something took or will take: `450 ms`, `3.25 s`, `2 min 5 s`, `3 h 10 min`, `4 d 2 h`. */
export function durationText(lengthMs: number): string {
  if (lengthMs < 999.5) return `${Math.round(lengthMs)} ms`;
  if (lengthMs < 9_995) return `${(lengthMs / 1000).toFixed(2)} s`;
  if (lengthMs < 59_950) return `${(lengthMs / 1000).toFixed(1)} s`;
  return twoUnits(lengthMs, [[60_000, 'min'], [1000, 's']], 3_600_000) ?? twoUnits(lengthMs, [[3_600_000, 'h'], [60_000, 'min']], 86_400_000) ?? twoUnits(lengthMs, [[86_400_000, 'd'], [3_600_000, 'h']], Infinity)!;
}

function twoUnits(lengthMs: number, [[big, bigName], [small, smallName]]: [[number, string], [number, string]], belowMs: number): string | undefined {
  const rounded = Math.round(lengthMs / small) * small;
  if (rounded >= belowMs) return undefined;
  const rest = Math.round((rounded % big) / small);
  return rest === 0 ? `${Math.floor(rounded / big)} ${bigName}` : `${Math.floor(rounded / big)} ${bigName} ${rest} ${smallName}`;
}

/** An age or a wait in one unit, rounded down: `12 s`, `14 min`, `3 h`, `5 d`; nothing goes on for less than a second. */
export function roughText(lengthMs: number): string {
  const seconds = Math.max(0, Math.floor(lengthMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `just now`, `12 s ago`, `in 3 h`. */
export function relativeText(timeMs: number, nowMs: number): string {
  const awayMs = timeMs - nowMs;
  if (Math.abs(awayMs) < 1000) return 'just now';
  return awayMs < 0 ? `${roughText(-awayMs)} ago` : `in ${roughText(awayMs)}`;
}

/** 1204 as `1,204`: the page is in English whatever the viewer's locale is. */
export function countText(count: number): string {
  return count.toLocaleString('en');
}

/** `one`, with `1`; else `many`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}
