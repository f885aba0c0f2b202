import { useState } from 'react';
import { Link } from 'react-router';
import { Badge } from '../parts/badge.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Time } from '../parts/figures.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { pathToDesktop } from '../shell/places.ts';
import { plural } from '../words/figures.ts';
import type { CheckedRow } from './check.ts';
import { factsOf } from './row-facts.ts';
import { actText, actorText, proofStates, type NameOf } from './words.ts';

/** The entries of the log, each with what this browser found about it. */
export function AuditRows({ rows, nameOf }: { readonly rows: readonly CheckedRow[]; readonly nameOf: NameOf }) {
  const [open, setOpen] = useState<CheckedRow | null>(null);
  const columns: readonly Column<CheckedRow>[] = [
    {
      key: 'index',
      title: 'Entry',
      cell: (row) => (
        <button type="button" className="link" aria-haspopup="dialog" aria-label={`entry ${row.index}`} onClick={() => setOpen(row)}>
          {row.index}
        </button>
      ),
    },
    { key: 'proof', title: 'Proof', cell: (row) => <Proof row={row} /> },
    { key: 'who', title: 'Who', cell: ({ leaf }) => (leaf === null ? <Unread /> : <span className="audit-who">{actorText(leaf, nameOf)}</span>) },
    { key: 'what', title: 'What', cell: ({ leaf }) => (leaf === null ? <Unread /> : <span className="audit-what"><What row={leaf} text={actText(leaf, nameOf)} /></span>) },
    { key: 'when', title: 'When', cell: ({ leaf }) => (leaf === null ? <Unread /> : <Time ms={leaf.timeMs} />) },
  ];
  return (
    <>
      <Table caption="Audit log, newest first" columns={columns} rows={rows} keyOf={({ index }) => `${index}`} />
      {open === null ? null : <Entry row={open} nameOf={nameOf} onClose={() => setOpen(null)} />}
    </>
  );
}

function Proof({ row }: { readonly row: CheckedRow }) {
  return (
    <>
      <Badge wording={proofStates[row.state]} />
      {row.state === 'refused' ? <span className="proof-why">{row.text}</span> : null}
    </>
  );
}

function What({ row: { accountId, desktopId }, text }: { readonly row: NonNullable<CheckedRow['leaf']>; readonly text: string }) {
  return desktopId === null ? text : <Link to={pathToDesktop(accountId, desktopId)}>{text}</Link>;
}

function Unread() {
  return <span className="quiet">cannot be read</span>;
}

/** One entry with all its fields. */
function Entry({ row, nameOf, onClose }: { readonly row: CheckedRow; readonly nameOf: NameOf; readonly onClose: () => void }) {
  return (
    <Dialog title={`Entry ${row.index}`} onClose={onClose}>
      <p>
        <Badge wording={proofStates[row.state]} /> {row.state === 'proven' ? `${proofStates.proven.meaning}; its proof has ${plural(row.row.inclusion.length, 'hash', 'hashes')}.` : row.text}
      </p>
      <dl className="facts">
        {factsOf(row, nameOf).map(({ name, value }) => [
          <dt key={name}>{name}</dt>,
          <dd key={`${name} value`}>
            <code>{value}</code>
          </dd>,
        ])}
        {row.leaf === null ? null : (
          <>
            <dt>When</dt>
            <dd>
              <Time ms={row.leaf.timeMs} />
            </dd>
          </>
        )}
      </dl>
    </Dialog>
  );
}
