import { Link } from 'react-router';
import { protectionLimits, type DesktopRow, type Overview } from '@godwit/wire/operators';
import { useRead } from '../api/read.ts';
import { useNowMs } from '../live/live-context.tsx';
import { Badge, Term } from '../parts/badge.tsx';
import { Card, Empty } from '../parts/card.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { pathToDesktop } from '../shell/places.ts';
import { countText, roughText } from '../words/figures.ts';
import { conditions, protections } from '../words/wordings.ts';
import { atRiskMs } from './at-risk.ts';

/** Desktops by state and by protection; each figure leads to those it counts. */
export function DesktopCounts({ desktops, protection }: Pick<Overview, 'desktops' | 'protection'>) {
  const total = Object.values(desktops).reduce((sum, each) => sum + each, 0);
  if (total === 0) {
    return (
      <Empty title="No desktop yet">
        <code>godwit create</code> on an enrolled host makes the first.
      </Empty>
    );
  }
  return (
    <>
      <dl className="counts">
        {(Object.keys(conditions) as DesktopRow['condition'][]).map((each) => (
          <Count key={each} word={conditions[each].word} meaning={conditions[each].meaning} value={desktops[each]} to={`/desktops?condition=${each}`} />
        ))}
      </dl>
      <h3>
        <Term term="protection">Protection</Term>
      </h3>
      <dl className="counts">
        {(Object.keys(protections) as DesktopRow['protection'][]).map((each) => (
          <Count key={each} word={protections[each].word} meaning={protections[each].meaning} value={protection[each]} to={`/desktops?protection=${each}`} tone={protection[each] === 0 ? 'plain' : protections[each].tone} />
        ))}
      </dl>
      <p className="quiet">
        Policy: a held desktop is fresh while its newest checkpoint is at most {roughText(protectionLimits.freshMs)} old, and unprotected after {roughText(protectionLimits.lateMs)}.
      </p>
    </>
  );
}

function Count({ word, meaning, value, to, tone = 'plain' }: { readonly word: string; readonly meaning: string; readonly value: number; readonly to: string; readonly tone?: string }) {
  return (
    <div className={`count text-${tone}`}>
      <dt title={meaning}>{word}</dt>
      <dd>
        <Link to={to} aria-label={`${countText(value)} ${word}`}>
          {countText(value)}
        </Link>
      </dd>
    </div>
  );
}

const shown = 6;

/** The running desktops that would lose the most if their host died now. */
export function MostToLose() {
  const read = useRead('listAllDesktops', { query: { condition: 'held', sort: 'durable' } });
  const columns: Column<DesktopRow>[] = [
    { key: 'name', title: 'Desktop', cell: ({ accountId, desktopId, name }) => <Link to={pathToDesktop(accountId, desktopId)}>{name}</Link> },
    { key: 'host', title: 'Host', wideOnly: true, cell: ({ holder }) => holder?.name ?? '' },
    { key: 'risk', title: 'If its host dies now', cell: (row) => <AtRisk row={row} /> },
    { key: 'protection', title: 'Protection', cell: ({ protection }) => <Badge wording={protections[protection]} /> },
  ];
  return (
    <Card title="Most to lose" aside={<Link to="/desktops?condition=held&sort=durable">All that are held</Link>} read={read} lines={shown}>
      {({ desktops }) =>
        desktops.length === 0 ? (
          <Empty title="Nothing to lose">No desktop runs on a host in reach.</Empty>
        ) : (
          <Table caption="Running desktops by the age of their newest durable checkpoint" columns={columns} rows={desktops.slice(0, shown)} keyOf={({ accountId, desktopId }) => `${accountId} ${desktopId}`} />
        )
      }
    </Card>
  );
}

function AtRisk({ row }: { readonly row: DesktopRow }) {
  const riskMs = atRiskMs(row, useNowMs());
  return <span className="figure risk">{riskMs === null ? 'nothing is lost' : `${roughText(riskMs)} of work is lost`}</span>;
}
