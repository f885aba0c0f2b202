import { useNowMs } from '../live/live-context.tsx';
import { bytesText, countText, durationText, rateText, relativeText } from '../words/figures.ts';
import { absoluteText, isoText } from '../words/times.ts';

/** Small figures in the page; all in digits of one width, with the exact value where a pointer or a screen reader looks for it. */

/** `2026-11-21 16:04:05, 12 s ago`. Copies as ISO 8601 (see copied-times.ts). Null is a dash with `none` said for it. */
export function Time({ ms, none = 'never', short = false }: { readonly ms: number | null; readonly none?: string; readonly short?: boolean }) {
  const nowMs = useNowMs();
  if (ms === null) return <span className="quiet">{none}</span>;
  const absolute = absoluteText(ms);
  return (
    <time dateTime={isoText(ms)} title={absolute} className="time">
      {short ? null : <span className="time-absolute">{absolute}</span>}
      <span className="time-relative">{relativeText(ms, nowMs)}</span>
    </time>
  );
}

export function Bytes({ value }: { readonly value: number | null }) {
  if (value === null) return <Unknown />;
  return (
    <data className="figure" value={value} title={`${countText(value)} bytes`}>
      {bytesText(value)}
    </data>
  );
}

export function Rate({ bytesPerSecond }: { readonly bytesPerSecond: number | null }) {
  return bytesPerSecond === null ? <Unknown /> : <span className="figure">{rateText(bytesPerSecond)}</span>;
}

export function Duration({ ms }: { readonly ms: number | null }) {
  if (ms === null) return <Unknown />;
  return (
    <data className="figure" value={ms} title={`${countText(Math.round(ms))} ms`}>
      {durationText(ms)}
    </data>
  );
}

/** What is not known is said so, to everybody. */
export function Unknown() {
  return (
    <span className="quiet" title="not known">
      <span aria-hidden="true">–</span>
      <span className="unseen">not known</span>
    </span>
  );
}
