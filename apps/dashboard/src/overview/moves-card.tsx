import { Link } from 'react-router';
import type { Overview } from '@godwit/wire/operators';
import { useRead, type Read } from '../api/read.ts';
import { MoveList } from '../moves/move-list.tsx';
import { Card, Empty } from '../parts/card.tsx';
import { plural } from '../words/figures.ts';

const endedShown = 4;

/** Moves under way, and the last that ended, so that a move does not vanish at the moment it arrives. */
export function MovesCard({ overview }: { readonly overview: Read<'readOverview'> }) {
  const recent = useRead('listMoves', { query: {} });
  const running = (overview.data?.moves ?? []).filter(({ state }) => state === 'running');
  const known = new Set(running.map(({ moveId }) => moveId));
  return (
    <Card title="Moves" aside={<Aside overview={overview.data} />} read={recent} lines={5} wide>
      {({ moves }) => {
        const ended = moves.filter(({ moveId, state }) => state !== 'running' && !known.has(moveId)).slice(0, endedShown);
        if (running.length + ended.length === 0) return <Empty title="No move yet">Suspends, checkpoints and resumes show here while they are under way, and after.</Empty>;
        return <MoveList moves={[...running, ...ended]} caption="Moves under way, then the last that ended" />;
      }}
    </Card>
  );
}

function Aside({ overview }: { readonly overview: Overview | undefined }) {
  if (overview === undefined) return null;
  return (
    <>
      <Link to="/moves?state=failed" className={overview.failedLastDay > 0 ? 'text-bad' : undefined}>
        {plural(overview.failedLastDay, 'failure')} in the last day
      </Link>
      {' · '}
      <Link to="/moves">All moves</Link>
    </>
  );
}
