import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent, type RefObject } from 'react';
import './chart-figure.css';
import { cursorAfter, knownPoints, spokenAt, summaryOf, tableOf, type Chart } from './chart.ts';
import { drawPlot, type Plot } from './plot.ts';

/** One chart with all that it says: its name, a sentence, the picture with a cursor for the keyboard, and the table. */
export function ChartFigure({ chart }: { readonly chart: Chart }) {
  const [nameId, sentenceId] = [useId(), useId()];
  const known = knownPoints(chart).length > 0;
  return (
    <figure className="chart" aria-labelledby={nameId}>
      <figcaption>
        <h3 id={nameId}>{chart.name}</h3>
        <p className="quiet">{chart.about}</p>
        <p id={sentenceId}>{summaryOf(chart)}</p>
      </figcaption>
      {known ? <Picture chart={chart} sentenceId={sentenceId} /> : null}
      {known ? <Twin chart={chart} /> : null}
    </figure>
  );
}

function Picture({ chart, sentenceId }: { readonly chart: Chart; readonly sentenceId: string }) {
  const host = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const plot = usePlot(host, chart, setAt);
  const points = knownPoints(chart);
  const point = at === null ? undefined : points[at];
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = event.ctrlKey || event.altKey || event.metaKey ? null : cursorAfter(event.key, at, points.length);
    if (to === null) return;
    event.preventDefault();
    setAt(to);
    plot.current?.moveTo(to);
  };
  return (
    <>
      {chart.series.length < 2 ? null : (
        <ul className="chart-legend">
          {chart.series.map(({ name }, index) => (
            <li key={name} className={`chart-key chart-key-${index}`}>
              {name}
            </li>
          ))}
        </ul>
      )}
      <div ref={host} className="chart-plot" role="application" aria-roledescription="chart" aria-label={`${chart.name}, chart; arrow keys read its values`} aria-describedby={sentenceId} tabIndex={0} onKeyDown={onKeyDown} />
      <p className="chart-value" role="status">
        {point === undefined ? <span className="quiet" aria-hidden="true">Arrow keys or the pointer show values.</span> : spokenAt(chart, point)}
      </p>
    </>
  );
}

/** Draws when there is something else to draw, and when light changes to dark; keeps the width of the page. */
function usePlot(host: RefObject<HTMLDivElement | null>, chart: Chart, onPoint: (at: number | null) => void): RefObject<Plot | null> {
  const plot = useRef<Plot | null>(null);
  const content = useMemo(() => JSON.stringify(chart.points), [chart]);
  const drawn = useRef(chart);
  useEffect(() => {
    drawn.current = chart;
  });
  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = drawPlot(element, drawn.current, element.clientWidth, onPoint);
    };
    draw();
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    const size = new ResizeObserver(() => plot.current?.resize(element.clientWidth));
    size.observe(element);
    return () => {
      size.disconnect();
      dark.removeEventListener('change', draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [host, content, onPoint]);
  return plot;
}

function Twin({ chart }: { readonly chart: Chart }) {
  const { head, rows } = tableOf(chart);
  return (
    <details className="twin">
      <summary>{chart.name} as a table</summary>
      <div className="table-frame chart-table" role="region" aria-label={`${chart.name} as a table`} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {head.map((title, place) => (
                <th key={title} scope="col" className={place === 0 ? '' : 'right'}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([label, ...values]) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                {values.map((value, place) => (
                  <td key={head[place + 1]} className="right">
                    {value}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
