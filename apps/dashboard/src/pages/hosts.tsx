import { useState } from 'react';
import { useSearchParams } from 'react-router';
import { operatorPageLimit, type OperatorHost } from '@godwit/wire/operators';
import { useRead } from '../api/read.ts';
import { Bar } from '../hosts/bar.tsx';
import { hostColumns } from '../hosts/host-columns.tsx';
import { HostDialog } from '../hosts/host-dialog.tsx';
import '../hosts/hosts.css';
import { Card, Empty } from '../parts/card.tsx';
import { Choice, TextFilter } from '../parts/filters.tsx';
import { Pages, Table } from '../parts/table.tsx';
import { oneOf, withValues } from '../parts/table-state.ts';
import { Page } from '../shell/page.tsx';
import { useMay } from '../shell/session.tsx';

const states = [
  { value: 'current', word: 'current' },
  { value: 'in-reach', word: 'in reach' },
  { value: 'out-of-reach', word: 'out of reach' },
  { value: 'out-of-date', word: 'out of date' },
  { value: 'barred', word: 'barred' },
  { value: 'revoked', word: 'revoked' },
] as const;

export function Component() {
  const [url, setUrl] = useSearchParams();
  const [opened, setOpened] = useState<string | null>(null);
  const [barring, setBarring] = useState<OperatorHost | null>(null);
  const mayBar = useMay('operator');
  const search = (url.get('search') ?? '').slice(0, 64);
  const state = oneOf(url, 'state', states.map(({ value }) => value));
  const from = Number(/^[0-9]{1,9}$/.exec(url.get('from') ?? '')?.[0] ?? 0);
  const change = (values: Record<string, string | undefined>): void => setUrl(withValues(url, values), { replace: true });
  const read = useRead('listAllHosts', { query: { from: `${from}`, ...(search === '' ? {} : { search }), ...(state === undefined ? {} : { state }) } }, { placeholderData: (before) => before });
  const filtered = search !== '' || state !== undefined;
  const open = read.data?.hosts.find(({ hostId }) => hostId === opened);
  return (
    <Page title="Hosts" lead="Every machine with an agent: whether it is in reach, what it can do, and what it holds.">
      <form className="filters" role="search" aria-label="Which hosts" onSubmit={(event) => event.preventDefault()}>
        <TextFilter title="Name, id or account" value={search} limit={64} onChange={(value) => change({ search: value })} />
        <Choice title="State" value={state ?? null} all="any" options={states} onChange={(value) => change({ state: value ?? undefined })} />
      </form>
      <Card title={filtered ? 'Those that are like this' : 'All hosts'} read={read} lines={12} wide>
        {({ hosts, total }) => (
          <>
            <Pages total={total} from={from} perPage={operatorPageLimit} what="hosts" />
            {total === 0 ? <Nothing filtered={filtered} /> : <Table caption="Hosts" columns={hostColumns(({ hostId }) => setOpened(hostId), mayBar ? setBarring : null)} rows={hosts} keyOf={({ hostId }) => hostId} total={total} from={from} />}
          </>
        )}
      </Card>
      {open === undefined ? null : <HostDialog host={open} onClose={() => setOpened(null)} />}
      {barring === null ? null : <Bar host={barring} barred={barring.state !== 'barred'} onClose={() => setBarring(null)} />}
    </Page>
  );
}

function Nothing({ filtered }: { readonly filtered: boolean }) {
  return filtered ? <Empty title="No host is like that.">Take a filter away to see more.</Empty> : <Empty title="There are no hosts yet.">The first comes with godwit init on a machine that can reach this coordinator.</Empty>;
}
