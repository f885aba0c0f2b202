import type { Move } from '@godwit/wire/operators';
import { phaseLines } from '../live/move-news.ts';
import { Bytes, Duration, Rate } from '../parts/figures.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { durationText } from '../words/figures.ts';

type Line = ReturnType<typeof phaseLines>[number];

/** The phases of a move, one after the other to scale, and as a table with the same figures. The longest is the bottleneck. */
export function Timeline({ move }: { readonly move: Move }) {
  const lines = phaseLines(move);
  const wholeMs = Math.max(1, lines.reduce((sum, { lengthMs }) => sum + lengthMs, 0));
  const columns: Column<Line>[] = [
    {
      key: 'phase',
      title: 'Phase',
      cell: ({ phase, bottleneck }) => (
        <>
          {phase}
          {bottleneck ? <span className="badge tone-warn"><span className="badge-mark" aria-hidden="true" />bottleneck</span> : null}
        </>
      ),
    },
    { key: 'when', title: 'When', cell: (line) => <Bar line={line} wholeMs={wholeMs} /> },
    { key: 'length', title: 'Took', right: true, cell: ({ lengthMs }) => <Duration ms={lengthMs} /> },
    { key: 'share', title: 'Share', right: true, wideOnly: true, cell: ({ lengthMs }) => <span className="figure">{Math.round((lengthMs * 100) / wholeMs)} %</span> },
    { key: 'bytes', title: 'Bytes', right: true, cell: ({ bytes }) => (bytes === 0 ? <span className="quiet">none</span> : <Bytes value={bytes} />) },
    { key: 'rate', title: 'Rate', right: true, wideOnly: true, cell: ({ bytesPerSecond }) => (bytesPerSecond === null ? null : <Rate bytesPerSecond={Math.round(bytesPerSecond)} />) },
  ];
  return <Table caption="Phases of this move, in order" columns={columns} rows={lines} keyOf={({ phase, startMs }) => `${phase} ${startMs}`} />;
}

/** Where in the whole a phase lies, in thousandths of its width. */
function Bar({ line: { startMs, lengthMs, bottleneck }, wholeMs }: { readonly line: Line; readonly wholeMs: number }) {
  const x = (startMs * 1000) / wholeMs;
  return (
    <svg className="phase-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label={`from ${durationText(startMs)} to ${durationText(startMs + lengthMs)}`}>
      <rect className="phase-rest" x={0} y={4} width={1000} height={2} />
      <rect className={bottleneck ? 'phase-part phase-slowest' : 'phase-part'} x={Math.min(x, 994)} y={0} width={Math.max(6, (lengthMs * 1000) / wholeMs)} height={10} />
    </svg>
  );
}
