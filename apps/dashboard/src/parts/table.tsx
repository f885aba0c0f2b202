import type { ReactNode } from 'react';
import { useSearchParams } from 'react-router';
import { sortedBy, sortText, withValues, type Sorting } from './table-state.ts';

export interface Column<Row> {
  readonly key: string;
  readonly title: string;
  readonly cell: (row: Row) => ReactNode;
  /** Its head is a button that sorts by it, in the URL. */
  readonly sorts?: boolean;
  /** Figures stand right. */
  readonly right?: boolean;
  /** Left out on a phone: what it says stands elsewhere too. */
  readonly wideOnly?: boolean;
}

interface TableProps<Row> {
  /** What the rows are; read out first, not shown. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly sorting?: Sorting;
  /** All rows there are, where these are one page of them; and the place of the first, from 0. */
  readonly total?: number;
  readonly from?: number;
}

/** Rows and columns; its first column names the row. It scrolls sideways in itself where the screen is narrow. */
export function Table<Row>({ caption, columns, rows, keyOf, sorting, total, from = 0 }: TableProps<Row>) {
  return (
    <div className="table-frame" role="region" aria-label={caption} tabIndex={0}>
      <table aria-rowcount={total === undefined ? undefined : total + 1}>
        <caption className="unseen">{caption}</caption>
        <thead>
          <tr aria-rowindex={total === undefined ? undefined : 1}>
            {columns.map((column) => (
              <Head key={column.key} column={column} sorting={sorting} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={keyOf(row)} aria-rowindex={total === undefined ? undefined : from + index + 2}>
              {columns.map((column, place) => {
                const className = cellClass(column);
                return place === 0 ? (
                  <th key={column.key} scope="row" className={className}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.key} className={className}>
                    {column.cell(row)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const cellClass = ({ right, wideOnly }: Pick<Column<unknown>, 'right' | 'wideOnly'>): string => `${right === true ? 'right' : ''}${wideOnly === true ? ' wide-only' : ''}`.trim();

function Head<Row>({ column, sorting }: { readonly column: Column<Row>; readonly sorting: Sorting | undefined }) {
  const [search, setSearch] = useSearchParams();
  const className = cellClass(column);
  if (column.sorts !== true || sorting === undefined) {
    return (
      <th scope="col" className={className}>
        {column.title}
      </th>
    );
  }
  const chosen = sorting.by === column.key;
  return (
    <th scope="col" className={className} aria-sort={chosen ? (sorting.falling ? 'descending' : 'ascending') : 'none'}>
      <button type="button" className="sort" onClick={() => setSearch(withValues(search, { sort: sortText(sortedBy(sorting, column.key)) }), { replace: true })}>
        {column.title}
        <span className="sort-mark" aria-hidden="true">
          {chosen ? (sorting.falling ? '▼' : '▲') : ''}
        </span>
      </button>
    </th>
  );
}

/** Pages of a long list, in the URL as `from`. Announces where one is. */
export function Pages({ total, from, perPage, what }: { readonly total: number; readonly from: number; readonly perPage: number; readonly what: string }) {
  const [search, setSearch] = useSearchParams();
  const go = (first: number): void => setSearch(withValues(search, { from: first === 0 ? undefined : String(first) }));
  const last = Math.min(total, from + perPage);
  return (
    <nav className="pages" aria-label={`Pages of ${what}`}>
      <span role="status">{total === 0 ? `No ${what}` : `${from + 1} to ${last} of ${total.toLocaleString('en')} ${what}`}</span>
      {total <= perPage && from === 0 ? null : (
        <>
          <button type="button" className="button" disabled={from === 0} onClick={() => go(Math.max(0, from - perPage))}>
            Earlier
          </button>
          <button type="button" className="button" disabled={last >= total} onClick={() => go(from + perPage)}>
            Later
          </button>
        </>
      )}
    </nav>
  );
}
