import { useRef } from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import './long-table.css';
import type { Column } from './table.tsx';

interface LongTableProps<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  /** All rows there are. */
  readonly total: number;
  /** Undefined: not here yet. */
  readonly rowAt: (index: number) => Row | undefined;
  readonly keyOf: (row: Row) => string;
  /** The rows that are drawn have changed: from `first` to `last`, both drawn. */
  readonly onShown: (first: number, last: number) => void;
}

/** Of every row, in CSS pixels: that no row is higher is what lets a table of any length be drawn in part. */
const rowPx = 44;

/**
 * A table of which only the rows in sight are drawn. It stays a table: each row says its place among all of them, and rows that are not
 * drawn are room above and below. Whoever would rather read it in pages has the same rows in a Table with Pages.
 */
export function LongTable<Row>({ caption, columns, total, rowAt, keyOf, onShown }: LongTableProps<Row>) {
  const frame = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: total,
    getScrollElement: () => frame.current,
    estimateSize: () => rowPx,
    overscan: 8,
    onChange: (self) => {
      const drawn = self.getVirtualItems();
      onShown(drawn[0]?.index ?? 0, drawn.at(-1)?.index ?? 0);
    },
  });
  const drawn = rows.getVirtualItems();
  const above = drawn[0]?.start ?? 0;
  const below = rows.getTotalSize() - (drawn.at(-1)?.end ?? 0);
  return (
    <div ref={frame} className="table-frame long-table" role="region" aria-label={caption} tabIndex={0}>
      <table aria-rowcount={total + 1}>
        <caption className="unseen">{caption}</caption>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map(({ key, title, right, wideOnly }) => (
              <th key={key} scope="col" className={classOf(right, wideOnly)}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Room heightPx={above} />
          {drawn.map(({ index }) => {
            const row = rowAt(index);
            return row === undefined ? <Coming key={index} index={index} columns={columns.length} /> : <Line key={keyOf(row)} row={row} index={index} columns={columns} />;
          })}
          <Room heightPx={below} />
        </tbody>
      </table>
    </div>
  );
}

function Line<Row>({ row, index, columns }: { readonly row: Row; readonly index: number; readonly columns: readonly Column<Row>[] }) {
  return (
    <tr aria-rowindex={index + 2} className="long-row">
      {columns.map(({ key, cell, right, wideOnly }, place) =>
        place === 0 ? (
          <th key={key} scope="row" className={classOf(right, wideOnly)}>
            {cell(row)}
          </th>
        ) : (
          <td key={key} className={classOf(right, wideOnly)}>
            {cell(row)}
          </td>
        ),
      )}
    </tr>
  );
}

function Coming({ index, columns }: { readonly index: number; readonly columns: number }) {
  return (
    <tr aria-rowindex={index + 2} className="long-row">
      <td colSpan={columns} className="quiet">
        Loading
      </td>
    </tr>
  );
}

/** A hidden row, so that the rows in sight stand where they would among all of them. */
function Room({ heightPx }: { readonly heightPx: number }) {
  return heightPx <= 0 ? null : <tr aria-hidden="true" className="long-room" style={{ height: heightPx }} />;
}

const classOf = (right = false, wideOnly = false): string => `${right ? 'right' : ''}${wideOnly ? ' wide-only' : ''}`.trim();
