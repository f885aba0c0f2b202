import { Link } from 'react-router';
import type { DesktopDetail, DesktopEvent, Move } from '@godwit/wire/operators';
import { Badge } from '../parts/badge.tsx';
import { Empty } from '../parts/card.tsx';
import { Bytes, Duration, Time } from '../parts/figures.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { pathToMove } from '../shell/places.ts';
import { moveKinds, moveStates } from '../words/wordings.ts';
import { detailText, kindText } from './event-words.ts';

const moveColumns: readonly Column<Move>[] = [
  { key: 'kind', title: 'Move', cell: ({ moveId, kind, hostName }) => <Link to={pathToMove(moveId)}>{`${moveKinds[kind].word} ${kind === 'resume' ? 'on' : 'from'} ${hostName}`}</Link> },
  { key: 'state', title: 'State', cell: ({ state }) => <Badge wording={moveStates[state]} /> },
  { key: 'started', title: 'Begun', cell: ({ startedMs }) => <Time ms={startedMs} short /> },
  { key: 'pause', title: 'Pause', right: true, wideOnly: true, cell: ({ pauseMs }) => <Duration ms={pauseMs} /> },
  { key: 'took', title: 'Durable or running after', right: true, wideOnly: true, cell: ({ kind, durableMs, runningMs }) => <Duration ms={kind === 'resume' ? runningMs : durableMs} /> },
  { key: 'bytes', title: 'Moved', right: true, cell: ({ bytesMoved }) => <Bytes value={bytesMoved} /> },
];

const eventColumns: readonly Column<DesktopEvent>[] = [
  { key: 'kind', title: 'Event', cell: ({ kind }) => kindText(kind) },
  { key: 'host', title: 'Host', cell: ({ hostName }) => hostName ?? <span className="quiet">the coordinator</span> },
  { key: 'detail', title: 'Detail', wideOnly: true, cell: ({ detail }) => <span className="quiet">{detailText(detail)}</span> },
  { key: 'time', title: 'When', cell: ({ timeMs }) => <Time ms={timeMs} /> },
];

export function Moves({ moves }: Pick<DesktopDetail, 'moves'>) {
  if (moves.length === 0) return <Empty title="No host has told of a move of it." />;
  return <Table caption="Moves of this desktop" columns={moveColumns} rows={moves} keyOf={({ moveId }) => moveId} />;
}

export function Events({ events }: Pick<DesktopDetail, 'events'>) {
  if (events.length === 0) return <Empty title="Nothing has happened to it yet." />;
  return <Table caption="Events of this desktop" columns={eventColumns} rows={events} keyOf={({ eventId }) => `${eventId}`} />;
}
