import { Link } from 'react-router';
import type { OperatorHost } from '@godwit/wire/operators';
import { Badge } from '../parts/badge.tsx';
import { Time } from '../parts/figures.tsx';
import type { Column } from '../parts/table.tsx';
import { pathToDesktop, pathToTrust } from '../shell/places.ts';
import { hostStates } from '../words/wordings.ts';
import { contactWording, outOfDateWording } from './host-words.ts';

/** What the list of hosts shows of each. `onOpen`: somebody wants to see all of one; `onBar`: to keep it out, or let it in again; null: may not. */
export function hostColumns(onOpen: (host: OperatorHost) => void, onBar: ((host: OperatorHost) => void) | null): readonly Column<OperatorHost>[] {
  const bar: Column<OperatorHost> = {
    key: 'bar',
    title: 'Act',
    cell: (host) =>
      host.state === 'revoked' ? null : (
        <button type="button" className="link" aria-haspopup="dialog" onClick={() => onBar?.(host)}>
          {host.state === 'barred' ? 'Let in' : 'Bar'}
          <span className="unseen"> {host.name}</span>
        </button>
      ),
  };
  return [
    {
      key: 'name',
      title: 'Name',
      cell: (host) => (
        <button type="button" className="link" aria-haspopup="dialog" onClick={() => onOpen(host)}>
          {host.name}
        </button>
      ),
    },
    {
      key: 'state',
      title: 'State',
      cell: (host) => (
        <span className="badges">
          <Badge wording={hostStates[host.state]} />
          {host.state === 'current' ? <Badge wording={contactWording(host)} /> : null}
          {host.outOfDate ? <Badge wording={outOfDateWording} /> : null}
        </span>
      ),
    },
    { key: 'contact', title: 'Last contact', cell: ({ lastContactMs }) => <Time ms={lastContactMs} short /> },
    { key: 'versions', title: 'Agent, QEMU', wideOnly: true, cell: ({ report }) => (report === null ? <span className="quiet">not told</span> : `${report.agentVersion}, ${report.qemuVersions.join(', ') || 'none'}`) },
    { key: 'holds', title: 'Holds', wideOnly: true, cell: (host) => <Holds host={host} /> },
    { key: 'account', title: 'Account', wideOnly: true, cell: ({ accountId }) => <Link to={pathToTrust(accountId)}>{accountId.slice(0, 8)}</Link> },
    ...(onBar === null ? [] : [bar]),
  ];
}

export function Holds({ host: { accountId, holds } }: { readonly host: OperatorHost }) {
  if (holds.length === 0) return <span className="quiet">nothing</span>;
  return holds.map(({ desktopId, name }, index) => (
    <span key={desktopId}>
      {index === 0 ? '' : ', '}
      <Link to={pathToDesktop(accountId, desktopId)}>{name}</Link>
    </span>
  ));
}
