/** What a table's reader has chosen, as it stands in the URL: `?sort=-age&host=…`. A link shows the same table to everybody. Pure. */
export interface Sorting {
  readonly by: string;
  readonly falling: boolean;
}

/** `sort=name` rises, `sort=-name` falls; anything that is not one of `columns` is as if it were not there. */
export function sortingOf(search: URLSearchParams, columns: readonly string[], standard: Sorting): Sorting {
  const text = search.get('sort') ?? '';
  const falling = text.startsWith('-');
  const by = falling ? text.slice(1) : text;
  return columns.includes(by) ? { by, falling } : standard;
}

/** After a press on the head of column `by`: rising first, then the other way. */
export function sortedBy(now: Sorting, by: string): Sorting {
  return { by, falling: now.by === by && !now.falling };
}

export const sortText = ({ by, falling }: Sorting): string => (falling ? `-${by}` : by);

/** `search` with some values set, or taken out where they are empty; the page goes back to its first row unless it is set too. */
export function withValues(search: URLSearchParams, values: Readonly<Record<string, string | undefined>>): URLSearchParams {
  const next = new URLSearchParams(search);
  if (!('from' in values)) next.delete('from');
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === '') next.delete(name);
    else next.set(name, value);
  }
  return next;
}

/** A value that must be one of `allowed`; undefined for all else, whatever somebody typed into the URL. */
export function oneOf<Value extends string>(search: URLSearchParams, name: string, allowed: readonly Value[]): Value | undefined {
  const value = search.get(name);
  return allowed.find((each) => each === value);
}

/** Rows in the order of a value each has; those without one last, whichever way it goes. Equal ones keep their order. */
export function sortRows<Row>(rows: readonly Row[], valueOf: (row: Row) => string | number | null, falling: boolean): Row[] {
  const way = falling ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [left, right] = [valueOf(a), valueOf(b)];
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    return way * (typeof left === 'string' && typeof right === 'string' ? left.localeCompare(right, 'en', { numeric: true }) : Number(left) - Number(right));
  });
}
