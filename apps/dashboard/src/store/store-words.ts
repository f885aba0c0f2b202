import type { JobRun, StoreView } from '@godwit/wire/operators';
import type { Chart } from '../charts/chart.ts';
import { bytesText, countText, durationText, plural, roughText } from '../words/figures.ts';
import type { Wording } from '../words/wordings.ts';

/** What the store's page says, in sentences and as a chart. Pure. */

const dayMs = 24 * 60 * 60_000;

/** `date`: a day as the page writes days. */
export function growthChart({ growth }: Pick<StoreView, 'growth'>, date: (timeMs: number) => string): Chart {
  const [first] = growth;
  return {
    name: 'Bytes by day',
    about: 'What lies in the store, at the end of each day and now.',
    of: 'day',
    steps: 'binary',
    series: [
      { name: 'Live', write: bytesText },
      { name: 'Dead', write: bytesText },
    ],
    points: growth.map((day) => ({ x: Math.round((day.dayMs - (first?.dayMs ?? 0)) / dayMs), tick: date(day.dayMs).slice(5), label: date(day.dayMs), values: [day.liveBytes, day.deadBytes] })),
  };
}

/** When it will be full, or why that cannot be said. */
export function fullText({ fullAtMs, freeBytes }: StoreView, nowMs: number): string {
  if (freeBytes === null) return 'How much room is left cannot be known of this store.';
  const free = `${bytesText(freeBytes)} are free`;
  if (fullAtMs === null) return `${free}; by the last week it does not grow.`;
  if (fullAtMs <= nowMs) return `${free}: it is full or will be today.`;
  return `${free}; at the pace of the last week it is full in ${roughText(fullAtMs - nowMs)}.`;
}

/** How much of it was compared with what was committed, and how long ago the oldest look was. */
export function scrubText({ scrub: { objects, looked, oldestMs, damaged } }: Pick<StoreView, 'scrub'>, nowMs: number): string {
  if (objects === 0) return 'Nothing lies in the store, so nothing is to be looked at.';
  const found = damaged.length === 0 ? 'All of them are as they were committed.' : `${plural(damaged.length, 'object')} of them ${damaged.length === 1 ? 'is' : 'are'} not as committed.`;
  if (looked === 0) return `None of ${plural(objects, 'object')} was looked at yet.`;
  const oldest = oldestMs === null ? '' : `, the longest ago ${roughText(nowMs - oldestMs)} ago`;
  return `${countText(looked)} of ${plural(objects, 'object')} (${coverageText(looked, objects)}) were compared with what was committed${oldest}. ${found}`;
}

/** What would be lost with the store. */
export function secondText({ behindObjects, behindBytes, behindSinceMs }: NonNullable<StoreView['secondBucket']>, nowMs: number): string {
  if (behindObjects === 0) return 'Everything that checkpoints need is there too.';
  const since = behindSinceMs === null ? '' : `; what waits longest was stored ${roughText(nowMs - behindSinceMs)} ago`;
  return `${plural(behindObjects, 'object')} (${bytesText(behindBytes)}) ${behindObjects === 1 ? 'is' : 'are'} not there yet${since}.`;
}

/** Never 100 % before all was looked at, never 0 % once something was. */
export function coverageText(looked: number, objects: number): string {
  if (looked >= objects) return '100 %';
  const percent = Math.floor((1000 * looked) / objects) / 10;
  return percent === 0 && looked > 0 ? 'below 0.1 %' : `${percent.toFixed(1)} %`;
}

export function dedupText({ dedupFactor }: Pick<StoreView, 'dedupFactor'>): string {
  return dedupFactor === null ? 'not known' : `${dedupFactor.toFixed(dedupFactor < 9.95 ? 2 : 1)} times`;
}

/** Figures of a run as it named them: `freedBytes` becomes `freed 3.1 MiB`. Units stand last in their names. */
export function figuresText(figures: JobRun['figures']): string {
  const texts = Object.entries(figures).map(([name, value]) => {
    const words = name.replaceAll(/([A-Z])/g, ' $1').toLowerCase().split(' ');
    const unit = words.at(-1);
    if (unit === 'bytes') return `${[...words.slice(0, -1)].join(' ')} ${bytesText(value)}`.trim();
    if (unit === 'ms') return `${words.slice(0, -1).join(' ')} ${durationText(value)}`.trim();
    return `${words.join(' ')} ${countText(value)}`;
  });
  return texts.length === 0 ? 'told no figures' : texts.join(', ');
}

/** How long it took, or has taken so far. */
export function runLengthMs({ startedMs, endedMs }: JobRun, nowMs: number): number {
  return Math.max(0, (endedMs ?? nowMs) - startedMs);
}

const GiB = 1024 ** 3;

/** What a month of all that lies there costs now, at a price that somebody typed for one GiB and month, in whatever currency they think. */
export function costText({ liveBytes, deadBytes }: Pick<StoreView, 'liveBytes' | 'deadBytes'>, price: string): string {
  const each = /^[0-9]{1,6}([.,][0-9]{1,6})?$/.test(price.trim()) ? Number(price.trim().replace(',', '.')) : undefined;
  if (each === undefined) return price.trim() === '' ? 'not known' : 'that is no price';
  return `about ${(((liveBytes + deadBytes) / GiB) * each).toFixed(2)}`;
}

export const runStates: Readonly<Record<JobRun['state'], Wording>> = {
  running: { word: 'under way', tone: 'note', meaning: 'It has begun and not ended' },
  done: { word: 'done', tone: 'good', meaning: 'It did all that there was to do' },
  failed: { word: 'failed', tone: 'bad', meaning: 'It ended with a fault and begins again by itself' },
};

export const findings: Readonly<Record<StoreView['scrub']['damaged'][number]['finding'], string>> = {
  missing: 'it is not there',
  length: 'it has another length',
  digest: 'its bytes are others',
};
