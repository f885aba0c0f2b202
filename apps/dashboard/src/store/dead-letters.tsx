import type { DeadLetter, StoreView } from '@godwit/wire/operators';
import { useAct } from '../api/act.tsx';
import { Empty } from '../parts/card.tsx';
import { Time } from '../parts/figures.tsx';
import { Refused } from '../parts/refused.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { useMay } from '../shell/session.tsx';
import { countText } from '../words/figures.ts';

/** Jobs whose rounds were tried to no end, and what may be done about them. */
export function DeadLetters({ store: { deadLetters } }: { readonly store: StoreView }) {
  const may = useMay('operator');
  if (deadLetters.length === 0) return <Empty title="No job is given up.">One that fails is tried again four times, each time after a longer pause, before it would stand here.</Empty>;
  const columns: readonly Column<DeadLetter>[] = [
    { key: 'job', title: 'Job', cell: ({ job }) => job },
    { key: 'why', title: 'Why', cell: ({ fault }) => fault },
    { key: 'since', title: 'Since', cell: ({ firstMs }) => <Time ms={firstMs} short /> },
    { key: 'times', title: 'Times', right: true, wideOnly: true, cell: ({ times }) => countText(times) },
    { key: 'do', title: 'What is done', cell: (letter) => <Deeds letter={letter} may={may} /> },
  ];
  return (
    <>
      <p className="quiet">Each begins anew with its next round too, and is gone from here as soon as one ends well.</p>
      <Table caption="Jobs that were given up, longest first" columns={columns} rows={deadLetters} keyOf={({ job }) => job} />
    </>
  );
}

function Deeds({ letter, may }: { readonly letter: DeadLetter; readonly may: boolean }) {
  const retry = useAct('retryJob', ['readStore', 'readOverview']);
  const away = useAct('putAwayJob', ['readStore', 'readOverview']);
  const busy = retry.busy || away.busy;
  const ask = { params: { job: letter.job } };
  return (
    <div className="need-care">
      {letter.asked === null ? null : (
        <span>
          {letter.asked.operatorName} had it tried again <Time ms={letter.asked.timeMs} short />
        </span>
      )}
      {may ? (
        <>
          <button type="button" className="link" disabled={busy} aria-label={`Try again: ${letter.job}`} onClick={() => void retry.act(ask)}>
            Try again
          </button>{' '}
          <button type="button" className="link" disabled={busy} aria-label={`Put away: ${letter.job}`} onClick={() => void away.act(ask)}>
            Put away
          </button>
        </>
      ) : null}
      <Refused refusal={retry.refusal ?? away.refusal} />
    </div>
  );
}
