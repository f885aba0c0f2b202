import { useSearchParams } from 'react-router';
import { AuditRows } from '../audit/audit-rows.tsx';
import '../audit/audit.css';
import { gapsIn, type CheckedRow } from '../audit/check.ts';
import { ExportButton } from '../audit/export-button.tsx';
import { isWhole, readAuditFilters, type AuditFilters } from '../audit/filters.ts';
import { LogVerdictNote } from '../audit/log-verdict.tsx';
import { namesOf } from '../audit/names.ts';
import { OperatorActs } from '../audit/operator-acts.tsx';
import { matches } from '../audit/row-facts.ts';
import type { CheckedAnswer } from '../audit/session.ts';
import { currentVisit, useAudit } from '../audit/use-audit.ts';
import { actText, actorText, leafKinds } from '../audit/words.ts';
import '../hosts/hosts.css';
import { Card, Empty } from '../parts/card.tsx';
import { Time } from '../parts/figures.tsx';
import { Choice, TextFilter } from '../parts/filters.tsx';
import { withValues } from '../parts/table-state.ts';
import { Page } from '../shell/page.tsx';
import { plural } from '../words/figures.ts';

export function Component() {
  const [url, setUrl] = useSearchParams();
  const filters = readAuditFilters(url);
  const read = useAudit(filters);
  const change = (values: Record<string, string | undefined>): void => setUrl(withValues(url, values), { replace: true });
  const { verdict } = currentVisit();
  const pages = read.data?.pages ?? [];
  return (
    <Page title="Audit" lead="Who did what, in a log that can only grow. Everything that is called proven here was computed in this browser, from signed heads.">
      {verdict === null ? null : <LogVerdictNote verdict={verdict} last={pages.at(-1)} onForgotten={() => void read.refetch()} />}
      <form className="filters" role="search" aria-label="Which entries" onSubmit={(event) => event.preventDefault()}>
        <TextFilter title="Text in what was read" value={filters.text} limit={64} onChange={(search) => change({ search })} />
        <Choice title="Kind" value={filters.kind} all="any" options={leafKinds.map((value) => ({ value, word: value.replaceAll('-', ' ') }))} onChange={(kind) => change({ kind: kind ?? undefined })} />
        {filters.accountId === null ? null : (
          <button type="button" className="button" onClick={() => change({ account: undefined })}>
            All accounts
          </button>
        )}
        {filters.desktopId === null ? null : (
          <button type="button" className="button" onClick={() => change({ desktop: undefined })}>
            All desktops
          </button>
        )}
        <ExportButton filters={filters} />
      </form>
      <Card title="Log" aside={<ReadAgain atMs={read.dataUpdatedAt} busy={read.isFetching} again={() => void read.refetch()} />} read={{ ...read, data: read.data }} lines={12} wide>
        {() => (
          <>
            <Entries pages={pages} filters={filters} whole={!read.hasNextPage} />
            {read.hasNextPage ? (
              <button type="button" className="button" disabled={read.isFetchingNextPage} onClick={() => void read.fetchNextPage()}>
                {read.isFetchingNextPage ? 'Reading…' : 'Read older entries'}
              </button>
            ) : null}
          </>
        )}
      </Card>
      <OperatorActs />
    </Page>
  );
}

/** The list stands still while it is read; whoever wants what came since asks for it. */
function ReadAgain({ atMs, busy, again }: { readonly atMs: number; readonly busy: boolean; readonly again: () => void }) {
  if (atMs === 0) return null;
  return (
    <span className="badges">
      read <Time ms={atMs} short />
      <button type="button" className="link" disabled={busy} onClick={again}>
        Read newer entries
      </button>
    </span>
  );
}

function Entries({ pages, filters, whole }: { readonly pages: readonly CheckedAnswer[]; readonly filters: AuditFilters; readonly whole: boolean }) {
  const all = pages.flatMap(({ rows }) => rows);
  const nameOf = namesOf(pages);
  const sentence = ({ leaf }: CheckedRow): string => (leaf === null ? '' : `${actorText(leaf, nameOf)} ${actText(leaf, nameOf)}`);
  const shown = all.filter((row) => matches(row, filters.text, sentence(row)));
  const refused = all.filter(({ state }) => state === 'refused').length;
  return (
    <>
      <p role="status">
        {plural(all.length, 'entry', 'entries')} read, {all.length - refused} proven in this browser{refused === 0 ? '.' : `, ${refused} not proven.`}
        {shown.length === all.length ? null : ` ${shown.length} of them have the text.`}
      </p>
      {isWhole(filters) ? <Gaps pages={pages} whole={whole} /> : null}
      {shown.length === 0 ? <Empty title={all.length === 0 ? 'The log has no such entry.' : 'No entry that was read has this text.'} /> : <AuditRows rows={shown} nameOf={nameOf} />}
    </>
  );
}

/** Entries that were left out of the answer although all were asked for. */
function Gaps({ pages, whole }: { readonly pages: readonly CheckedAnswer[]; readonly whole: boolean }) {
  const [first] = pages;
  if (first === undefined || first.verdict.state === 'refused') return null;
  const gaps = gapsIn(pages.flatMap(({ rows }) => rows.map(({ index }) => index)), first.verdict.head.size, whole);
  if (gaps.length === 0) return <p className="quiet">No entry is missing between the first and the last of them.</p>;
  return (
    <p className="gaps" role="alert">
      Missing, although the signed log has them: {gaps.map(({ first: from, last }) => (from === last ? `entry ${from}` : `entries ${from} to ${last}`)).join(', ')}.
    </p>
  );
}
