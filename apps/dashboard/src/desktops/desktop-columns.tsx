import { Link } from 'react-router';
import type { DesktopRow } from '@godwit/wire/operators';
import { Badge } from '../parts/badge.tsx';
import { Bytes, Time } from '../parts/figures.tsx';
import type { Column } from '../parts/table.tsx';
import { pathToDesktop, pathToHost } from '../shell/places.ts';
import { conditions } from '../words/wordings.ts';
import { ProtectionBadge } from './protection-badge.tsx';

/** What a list of desktops shows of each; every cell fits in one line. */
export const desktopColumns: readonly Column<DesktopRow>[] = [
  { key: 'name', title: 'Name', cell: ({ accountId, desktopId, name }) => <Link to={pathToDesktop(accountId, desktopId)}>{name}</Link> },
  { key: 'protection', title: 'Protection', cell: (desktop) => <ProtectionBadge desktop={desktop} /> },
  { key: 'condition', title: 'State', wideOnly: true, cell: ({ condition }) => <Badge wording={conditions[condition]} /> },
  { key: 'holder', title: 'Held by', cell: ({ holder }) => (holder === null ? <span className="quiet">nobody</span> : <Link to={pathToHost(holder.name)}>{holder.name}</Link>) },
  { key: 'durable', title: 'Newest checkpoint', wideOnly: true, cell: ({ durableMs }) => <Time ms={durableMs} none="none yet" short /> },
  { key: 'checkpoints', title: 'Kept', wideOnly: true, right: true, cell: ({ checkpoints }) => checkpoints },
  { key: 'bytes', title: 'Stored', wideOnly: true, right: true, cell: ({ storedBytes }) => <Bytes value={storedBytes} /> },
];

export const keyOfDesktop = ({ accountId, desktopId }: DesktopRow): string => `${accountId} ${desktopId}`;
