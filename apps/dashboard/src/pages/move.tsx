import { Link, useParams } from 'react-router';
import type { Move } from '@godwit/wire/operators';
import { useRead } from '../api/read.ts';
import { moveLine } from '../moves/move-lines.ts';
import { MoveProgress } from '../moves/progress.tsx';
import { Timeline } from '../moves/timeline.tsx';
import { Badge, Term } from '../parts/badge.tsx';
import { Card, Empty } from '../parts/card.tsx';
import { Bytes, Duration, Time, Unknown } from '../parts/figures.tsx';
import { Page } from '../shell/page.tsx';
import { pathToDesktop, pathToHost } from '../shell/places.ts';
import { moveKinds, moveStates } from '../words/wordings.ts';

/** One move: how far it is, or how it went, phase by phase. */
export function Component() {
  const { moveId = '' } = useParams();
  const read = useRead('listMoves', { query: { moveId } });
  const move = read.data?.moves.find((each) => each.moveId === moveId);
  return (
    <Page title={move === undefined ? 'Move' : titleOf(move)} lead={move === undefined ? undefined : <Lead move={move} />}>
      <Card title="Now" read={read} lines={3} wide>
        {() => (move === undefined ? <Unheard /> : <Facts move={move} />)}
      </Card>
      {move === undefined ? null : (
        <Card title="Phase by phase" read={read} lines={9} wide>
          {() => (move.phases.length === 0 ? <Empty title="No phase has ended yet" /> : <Timeline move={move} />)}
        </Card>
      )}
    </Page>
  );
}

const titleOf = ({ kind, desktopName }: Move): string => `${moveKinds[kind].word.replace(/^./, (first) => first.toUpperCase())} of ${desktopName}`;

function Lead({ move: { accountId, desktopId, desktopName, hostName, kind, startedMs } }: { readonly move: Move }) {
  return (
    <>
      <Link to={pathToDesktop(accountId, desktopId)}>{desktopName}</Link> {kind === 'resume' ? 'to' : kind === 'suspend' ? 'from' : 'on'} <Link to={pathToHost(hostName)}>{hostName}</Link>, begun <Time ms={startedMs} />
    </>
  );
}

function Unheard() {
  return (
    <Empty title="No such move">
      Hosts tell of their moves, and old ones are forgotten. <Link to="/moves">All moves</Link>
    </Empty>
  );
}

function Facts({ move }: { readonly move: Move }) {
  const rows: readonly (readonly [string, React.ReactNode])[] = [
    ['Phase', move.phase],
    ['Safe in the store after', <Duration key="d" ms={move.durableMs} />],
    ['Running after', <Duration key="r" ms={move.runningMs} />],
    ['Guest stood still', <Duration key="p" ms={move.pauseMs} />],
    ['Moved over the network', <Bytes key="m" value={move.bytesMoved} />],
    ['Changed in the guest', <Bytes key="c" value={move.bytesChanged} />],
    ['Checkpoint', move.sequence ?? <Unknown key="s" />],
    ['Epoch', move.epoch],
    ['Last word of it', <Time key="t" ms={move.toldMs} />],
  ];
  const left = move.kind === 'resume' ? 'Safe in the store after' : 'Running after';
  return (
    <>
      <div className="move-now">
        <Badge wording={moveStates[move.state]} />
        <MoveProgress move={move} />
      </div>
      <p className="move-line">{move.state === 'running' ? moveLine(move) : moveStates[move.state].meaning}</p>
      {move.fault === null ? null : (
        <p>
          It ended with <code>{move.fault}</code>: <code>godwit doctor</code> on its host, and <Term term="fault">docs/errors.md</Term>, say what to do.
        </p>
      )}
      <dl className="facts facts-columns">
        {rows
          .filter(([name]) => name !== left)
          .map(([name, value]) => (
            <div key={name} className="facts-row">
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </>
  );
}
