import type { Edge } from './lanes.ts';

/** Sizes of a drawn graph, in CSS pixels. */
export const rowPx = 32;
export const lanePx = 22;
export const radiusPx = 6;

export const xOf = (lane: number): number => lane * lanePx + lanePx / 2;
export const yOf = (row: number): number => row * rowPx + rowPx / 2;

/** The path of a line: down, a round corner, across. `rows`: of the whole graph; a line without an end goes to its lower edge. */
export function pathOf({ upper, lower }: Edge, rows: number): string {
  const [x, y] = [xOf(upper.lane), yOf(upper.row)];
  if (lower === null) return `M${x} ${y}V${rows * rowPx}`;
  const [endX, endY] = [xOf(lower.lane), yOf(lower.row)];
  if (endX === x) return `M${x} ${y}V${endY}`;
  const bend = Math.min(lanePx / 2, rowPx / 2);
  return `M${x} ${y}V${endY - bend}Q${x} ${endY} ${x + Math.sign(endX - x) * bend} ${endY}H${endX}`;
}
