import type { Move } from '@godwit/wire/operators';
import { progressOf } from '../live/move-news.ts';

/** How far a move is: a bar that never goes back, and the figures in words beside it. */
export function MoveProgress({ move }: { readonly move: Move }) {
  const done = progressOf(move);
  const name = `${move.kind} of ${move.desktopName}`;
  return (
    <div className={move.state === 'running' || move.state === 'done' ? 'progress' : 'progress progress-stopped'}>
      <progress aria-label={name} {...(done === null ? {} : { value: Math.round(done * 1000), max: 1000 })} />
      <span className="figure progress-share">{done === null ? '' : `${Math.floor(done * 100)} %`}</span>
    </div>
  );
}

