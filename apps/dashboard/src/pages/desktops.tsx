import { useSearchParams } from 'react-router';
import '../desktops/desktops.css';
import { DesktopList } from '../desktops/desktop-list.tsx';
import { conditions, protections, readDesktopFilters, sorts, views, writeDesktopFilters, type DesktopFilters } from '../desktops/filters.ts';
import { Choice, TextFilter } from '../parts/filters.tsx';
import { Page } from '../shell/page.tsx';
import { conditions as conditionWords, protections as protectionWords } from '../words/wordings.ts';

export function Component() {
  const [url, setUrl] = useSearchParams();
  const filters = readDesktopFilters(url);
  const change = (values: Partial<DesktopFilters>): void => setUrl(writeDesktopFilters({ ...filters, from: 0, ...values }), { replace: true });
  return (
    <Page title="Desktops" lead="Every desktop of every account: who holds it, and what would be lost with its host.">
      <form className="filters" role="search" aria-label="Which desktops" onSubmit={(event) => event.preventDefault()}>
        <TextFilter title="Name, holder or id" value={filters.search} limit={64} onChange={(search) => change({ search })} />
        <Choice title="Protection" value={filters.protection} all="any" options={protections.map((value) => ({ value, word: protectionWords[value].word }))} onChange={(protection) => change({ protection })} />
        <Choice title="State" value={filters.condition} all="any" options={conditions.map((value) => ({ value, word: conditionWords[value].word }))} onChange={(condition) => change({ condition })} />
        <Choice title="Order" value={filters.sort} options={sorts.map((value) => ({ value, word: orderWords[value] }))} onChange={(sort) => change({ sort: sort ?? 'name' })} />
        <Choice title="Shown" value={filters.view} options={views.map((value) => ({ value, word: viewWords[value] }))} onChange={(view) => change({ view: view ?? 'list' })} />
        {filters.hostId === null ? null : (
          <button type="button" className="button" onClick={() => change({ hostId: null })}>
            Held by any host
          </button>
        )}
      </form>
      <DesktopList filters={filters} />
    </Page>
  );
}

const orderWords = { name: 'by name', durable: 'oldest checkpoint first', bytes: 'biggest first' } as const;
const viewWords = { list: 'in one list', pages: 'in pages of 100' } as const;
