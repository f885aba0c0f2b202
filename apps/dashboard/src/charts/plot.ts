import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { knownPoints, type Chart } from './chart.ts';

/** A chart on a canvas. It knows nothing of React, and takes its colours from the page around it. */
export interface Plot {
  /** Puts the cursor on a point, by its place among the known ones; null: takes it away. */
  readonly moveTo: (at: number | null) => void;
  readonly resize: (widthPx: number) => void;
  readonly destroy: () => void;
}

export const plotHeightPx = 180;

/** `onPoint`: the pointer has come to a known point, or left. */
export function drawPlot(host: HTMLElement, chart: Chart, widthPx: number, onPoint: (at: number | null) => void): Plot {
  const points = knownPoints(chart);
  const ticks = new Map(points.map(({ x, tick }) => [x, tick]));
  const [write] = chart.series.map((each) => each.write);
  const [ink, line, ...colours] = ['--ink-quiet', '--line', '--accent', '--warn'].map((name) => colourOf(host, name));
  const axis = { stroke: ink!, grid: { stroke: line!, width: 1 }, ticks: { show: false }, font: `12px ${getComputedStyle(host).fontFamily}` };
  const plot = new uPlot(
    {
      width: widthPx,
      height: plotHeightPx,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 9 } },
      scales: { x: { time: false, range: (_, min, max) => [min - 0.5, max + 0.5] }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] } },
      axes: [
        { ...axis, size: 30, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500], space: 56, values: (_, splits) => splits.map((x) => ticks.get(x) ?? '') },
        { ...axis, size: 76, space: 26, incrs: incrementsOf(chart), values: (_, splits) => splits.map((value) => write?.(value) ?? '') },
      ],
      series: [{}, ...chart.series.map((_, index) => ({ stroke: colours[index]!, width: 2, dash: index === 0 ? [] : [6, 4], points: { show: points.length <= 60, size: 6, fill: colours[index]! } }))],
      hooks: { setCursor: [(self) => onPoint(self.cursor.left !== undefined && self.cursor.left >= 0 ? (self.cursor.idx ?? null) : null)] },
    },
    [points.map(({ x }) => x), ...chart.series.map((_, index) => points.map(({ values }) => values[index] ?? null))],
    host,
  );
  return {
    moveTo: (at) => {
      const point = at === null ? undefined : points[at];
      plot.setCursor(point === undefined ? { left: -10, top: -10 } : { left: plot.valToPos(point.x, 'x'), top: 0 }, false);
    },
    resize: (width) => plot.setSize({ width, height: plotHeightPx }),
    destroy: () => plot.destroy(),
  };
}

/** Round steps: 1, 2 and 5 of each power of ten, or of each unit of bytes. */
function incrementsOf({ steps }: Chart): number[] {
  const digits = steps === 'binary' ? [1, 2, 5, 10, 20, 50, 100, 200, 500] : [1, 2, 5];
  return Array.from({ length: steps === 'binary' ? 5 : 14 }, (_, power) => digits.map((digit) => digit * (steps === 'binary' ? 1024 ** power : 10 ** (power - 2)))).flat();
}

/** A colour of the page, which may be one for light and one for dark, as the canvas takes it. */
function colourOf(host: HTMLElement, name: string): string {
  host.style.color = `var(${name})`;
  const { color } = getComputedStyle(host);
  host.style.color = '';
  return color;
}
