import { Link, useSearchParams } from 'react-router';
import type { Move } from '@godwit/wire/operators';
import { useRead } from '../api/read.ts';
import { MoveList } from '../moves/move-list.tsx';
import { Card, Empty } from '../parts/card.tsx';
import { oneOf, withValues } from '../parts/table-state.ts';
import { Page } from '../shell/page.tsx';
import { plural } from '../words/figures.ts';
import { moveStates } from '../words/wordings.ts';

const states = Object.keys(moveStates) as Move['state'][];

/** All moves, newest first; those under way go on before one's eyes. */
export function Component() {
  const [search, setSearch] = useSearchParams();
  const state = oneOf(search, 'state', states);
  const before = /^[0-9]{1,15}$/.test(search.get('before') ?? '') ? (search.get('before') ?? undefined) : undefined;
  const read = useRead('listMoves', { query: { ...(state === undefined ? {} : { state }), ...(before === undefined ? {} : { before }) } });
  return (
    <Page title="Moves" lead="Every suspend, checkpoint and resume that hosts told of, newest first.">
      <div className="filters">
        <label className="field">
          <span>State</span>
          <select value={state ?? ''} onChange={(event) => setSearch(withValues(search, { state: event.target.value, before: undefined }), { replace: true })}>
            <option value="">all</option>
            {states.map((each) => (
              <option key={each} value={each}>
                {moveStates[each].word}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Card title={state === undefined ? 'All moves' : `Moves that are ${moveStates[state].word}`} aside={read.data === undefined ? undefined : plural(read.data.total, 'move')} read={read} lines={10} wide>
        {({ moves, total }) => (
          <>
            {moves.length === 0 ? <NoMoves filtered={state !== undefined || before !== undefined} /> : <MoveList moves={moves} caption="Moves" />}
            {before === undefined && moves.length >= total ? null : (
              <nav className="pages" aria-label="Pages of moves">
                {before === undefined ? null : <Link className="button" to={`?${withValues(search, { before: undefined }).toString()}`}>Newest</Link>}
                {moves.length >= total || moves.length === 0 ? null : <Link className="button" to={`?${withValues(search, { before: String(moves.at(-1)?.startedMs ?? 0) }).toString()}`}>Earlier ones</Link>}
              </nav>
            )}
          </>
        )}
      </Card>
    </Page>
  );
}

function NoMoves({ filtered }: { readonly filtered: boolean }) {
  if (filtered) return <Empty title="No move is like that" />;
  return (
    <Empty title="No move yet">
      A host tells of one with each <code>godwit suspend</code>, <code>godwit resume</code> and checkpoint of a running desktop.
    </Empty>
  );
}
