/** A chart as data: what is drawn, what is spoken, and what stands in the table beside it are all made from this. Pure. */
export interface Chart {
  /** What it is called, and its caption: `Pause`. */
  readonly name: string;
  /** One sentence: what the figure is and which way is good. */
  readonly about: string;
  /** What a point is: `checkpoint`. */
  readonly of: string;
  readonly series: readonly Series[];
  /** Where the lines of its scale stand: at round numbers, or at powers of two. */
  readonly steps: 'decimal' | 'binary';
  /** From left to right, x growing. */
  readonly points: readonly Point[];
}

export interface Series {
  readonly name: string;
  /** A value with its unit, as people read it. */
  readonly write: (value: number) => string;
}

export interface Point {
  /** Whole numbers: the place on the axis. */
  readonly x: number;
  /** Long, for speech and table: `checkpoint 12, 2026-11-21 14:02:00`. */
  readonly label: string;
  /** Short, for the axis: `12`. */
  readonly tick: string;
  /** One per series; null: not known. */
  readonly values: readonly (number | null)[];
}

/** Points of which at least one value is known; the others are not drawn. */
export function knownPoints({ points }: Chart): readonly Point[] {
  return points.filter(({ values }) => values.some((value) => value !== null));
}

/** One sentence that says what the picture says. */
export function summaryOf(chart: Chart): string {
  const sentences = chart.series.map((series, index) => seriesSummary(chart, series, index));
  return sentences.join(' ');
}

function seriesSummary(chart: Chart, { name, write }: Series, index: number): string {
  const values = chart.points.flatMap(({ values: each }) => each[index] ?? []);
  const [newest] = values.slice(-1);
  if (newest === undefined) return `${name}: not known of any ${chart.of}.`;
  if (values.length === 1) return `${name} of one ${chart.of}: ${write(newest)}.`;
  const sorted = values.toSorted((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)]!;
  return `${name} of ${values.length} ${chart.of}s: from ${write(sorted[0]!)} to ${write(sorted.at(-1)!)}, median ${write(median)}, newest ${write(newest)}.`;
}

/** What is spoken when the cursor comes to a point. */
export function spokenAt({ series }: Chart, { label, values }: Point): string {
  return `${label}: ${series.map(({ name, write }, index) => `${name} ${valueText(values[index] ?? null, write)}`).join(', ')}`;
}

/** The same data as a table: one row per point, newest first. */
export function tableOf({ of, series, points }: Chart): { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] } {
  return {
    head: [of, ...series.map(({ name }) => name)],
    rows: points.toReversed().map(({ label, values }) => [label, ...series.map(({ write }, index) => valueText(values[index] ?? null, write))]),
  };
}

function valueText(value: number | null, write: (value: number) => string): string {
  return value === null ? 'not known' : write(value);
}

/** Where a key moves the cursor among `length` points; null: the key is none of the cursor's. A page is a tenth of the points. */
export function cursorAfter(key: string, at: number | null, length: number): number | null {
  if (length === 0) return null;
  const page = Math.max(1, Math.round(length / 10));
  const from = at ?? length;
  const steps: Record<string, number> = { ArrowLeft: from - 1, ArrowRight: at === null ? 0 : from + 1, PageUp: from - page, PageDown: at === null ? 0 : from + page, Home: 0, End: length - 1 };
  const to = steps[key];
  return to === undefined ? null : Math.min(length - 1, Math.max(0, to));
}
