import { useState } from 'react';
import type { DesktopRow } from '@godwit/wire/operators';
import { operatorPageLimit } from '@godwit/wire/operators';
import { useRead } from '../api/read.ts';
import { Card, Empty } from '../parts/card.tsx';
import { LongTable } from '../parts/long-table.tsx';
import { Pages, Table } from '../parts/table.tsx';
import { plural } from '../words/figures.ts';
import { desktopColumns, keyOfDesktop } from './desktop-columns.tsx';
import { desktopsAsk, type DesktopFilters } from './filters.ts';

/** All desktops that the filters leave, as one long list or in pages. */
export function DesktopList({ filters }: { readonly filters: DesktopFilters }) {
  return filters.view === 'pages' ? <InPages filters={filters} /> : <InOneList key={JSON.stringify(desktopsAsk(filters, 0))} filters={filters} />;
}

function InPages({ filters }: { readonly filters: DesktopFilters }) {
  const read = useRead('listAllDesktops', { query: desktopsAsk(filters, filters.from) }, { placeholderData: (before) => before });
  return (
    <Card title={titleOf(filters)} read={read} lines={12} wide>
      {({ desktops, total }) => (
        <>
          <Pages total={total} from={filters.from} perPage={operatorPageLimit} what="desktops" />
          {total === 0 ? <Nothing filters={filters} /> : <Table caption="Desktops" columns={desktopColumns} rows={desktops} keyOf={keyOfDesktop} total={total} from={filters.from} />}
        </>
      )}
    </Card>
  );
}

const pageOf = (index: number): number => Math.floor(index / operatorPageLimit);

function InOneList({ filters }: { readonly filters: DesktopFilters }) {
  const [shown, setShown] = useState({ first: 0, last: 0 });
  const ask = (page: number) => ({ query: desktopsAsk(filters, page * operatorPageLimit) });
  // The rows in sight are fewer than a page: they are on one page, or on two that follow each other.
  const upper = useRead('listAllDesktops', ask(pageOf(shown.first)), { placeholderData: (before) => before });
  const lower = useRead('listAllDesktops', ask(pageOf(shown.last)), { placeholderData: (before) => before });
  const rowAt = (index: number): DesktopRow | undefined => {
    for (const [read, seen] of [[upper, shown.first], [lower, shown.last]] as const) {
      if (pageOf(index) === pageOf(seen) && !read.isPlaceholderData) return read.data?.desktops[index % operatorPageLimit];
    }
    return undefined;
  };
  const onShown = (first: number, last: number): void => {
    if (pageOf(first) !== pageOf(shown.first) || pageOf(last) !== pageOf(shown.last)) setShown({ first, last });
  };
  return (
    <Card title={titleOf(filters)} read={upper} lines={12} wide>
      {({ total }) => (
        <>
          <p role="status" className="quiet">
            {total === 0 ? 'No desktops' : plural(total, 'desktop')}
          </p>
          {total === 0 ? <Nothing filters={filters} /> : <LongTable caption="Desktops" columns={desktopColumns} total={total} rowAt={rowAt} keyOf={keyOfDesktop} onShown={onShown} />}
        </>
      )}
    </Card>
  );
}

const isFiltered = ({ search, condition, protection, hostId }: DesktopFilters): boolean => search !== '' || condition !== null || protection !== null || hostId !== null;
const titleOf = (filters: DesktopFilters): string => (isFiltered(filters) ? 'Those that are like this' : 'All desktops');

function Nothing({ filters }: { readonly filters: DesktopFilters }) {
  return isFiltered(filters) ? <Empty title="No desktop is like that.">Take a filter away to see more.</Empty> : <Empty title="There are no desktops yet.">The first comes with godwit create on an enrolled host.</Empty>;
}
