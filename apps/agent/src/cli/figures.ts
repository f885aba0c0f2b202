import { stripVTControlCharacters } from 'node:util';

/** How numbers are written for people: three significant digits at the most, units always. Pure. */

export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

export function durationText(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 9.995 ? 2 : 1)} s`;
  const wholeSeconds = Math.round(seconds);
  return `${Math.floor(wholeSeconds / 60)} min ${wholeSeconds % 60} s`;
}

/** `4G`, `512M`, `65536`: bytes. Undefined where it is no size. Suffixes are powers of 1024. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,15})(?:([KMGT])i?B?)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const power = match[2] === undefined ? 0 : 'KMGT'.indexOf(match[2].toUpperCase()) + 1;
  const bytes = Number(match[1]) * 1024 ** power;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `30s`, `5m`, `1h`: milliseconds. Undefined where it is no time. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,7})([smh])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
}

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Columns as wide as their widest cell; the first left-aligned, the others as `align` says (default left). */
export function table(rows: readonly (readonly string[])[], align: readonly ('left' | 'right')[] = []): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => widthOf(row[column] ?? ''))));
  const fill = (cell: string, column: number): string => ' '.repeat(widths[column]! - widthOf(cell));
  const line = (row: readonly string[]): string => row.map((cell, column) => (align[column] === 'right' ? fill(cell, column) + cell : cell + fill(cell, column))).join('  ').trimEnd();
  return rows.map(line).join('\n');
}

/** Colours take no room. */
function widthOf(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
