import { Link } from 'react-router';
import type { Move } from '@godwit/wire/operators';
import { Badge } from '../parts/badge.tsx';
import { Time } from '../parts/figures.tsx';
import { pathToDesktop, pathToMove } from '../shell/places.ts';
import { moveKinds, moveStates } from '../words/wordings.ts';
import { resultLine } from './move-lines.ts';
import { MoveProgress } from './progress.tsx';

/** Moves one below the other, each with what it is, how far it is or what came of it. Every row has the same height whatever its state is. */
export function MoveList({ moves, caption }: { readonly moves: readonly Move[]; readonly caption: string }) {
  return (
    <ul className="moves" aria-label={caption}>
      {moves.map((move) => (
        <li key={move.moveId} className="move">
          <div className="move-what">
            <Link to={pathToMove(move.moveId)} className="move-kind">
              {moveKinds[move.kind].word}
            </Link>{' '}
            <Link to={pathToDesktop(move.accountId, move.desktopId)} className="move-desktop">
              {move.desktopName}
            </Link>{' '}
            <span className="quiet">{move.kind === 'resume' ? 'to' : move.kind === 'suspend' ? 'from' : 'on'} {move.hostName}</span>
          </div>
          <div className="move-state">
            <Badge wording={moveStates[move.state]} />
          </div>
          <div className="move-progress">
            <MoveProgress move={move} />
          </div>
          <p className="move-line">{resultLine(move)}</p>
          <p className="move-when">
            <Time ms={move.startedMs} short />
          </p>
        </li>
      ))}
    </ul>
  );
}
