import { useInfiniteQuery } from '@tanstack/react-query';
import type { OperatorAct } from '@godwit/wire/operators';
import { call, type Answer } from '../api/call.ts';
import type { Refusal } from '../api/refusal.ts';
import { Card, Empty } from '../parts/card.tsx';
import { Time } from '../parts/figures.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { actSentence, whoText } from './act-words.ts';

const columns: readonly Column<OperatorAct>[] = [
  { key: 'who', title: 'Who', cell: (act) => <span className="audit-who">{whoText(act)}</span> },
  { key: 'what', title: 'What', cell: (act) => <span className="audit-what">{actSentence(act)}</span> },
  { key: 'when', title: 'When', cell: ({ timeMs }) => <Time ms={timeMs} /> },
];

/** What operators did. This is the coordinator's own word: who owns its database can write another, unlike the log above. */
export function OperatorActs() {
  const read = useInfiniteQuery<Answer<'listOperatorActs'>, Refusal, { readonly pages: Answer<'listOperatorActs'>[] }, readonly unknown[], string | undefined>({
    queryKey: ['listOperatorActs', {}],
    queryFn: ({ pageParam, signal }) => call('listOperatorActs', { query: pageParam === undefined ? {} : { before: pageParam } }, signal),
    initialPageParam: undefined,
    getNextPageParam: ({ next }) => (next === null ? undefined : `${next}`),
  });
  const acts = read.data?.pages.flatMap((page) => page.acts) ?? [];
  return (
    <Card title="What operators did" read={{ ...read, data: read.data }} lines={6} wide>
      {() => (
        <>
          <p className="quiet">Recorded with each act, in the same step. It is the coordinator's own word: unlike the log above no browser can prove it. Where a host was kept out, the log has that too.</p>
          {acts.length === 0 ? <Empty title="Nobody has done anything here yet." /> : <Table caption="What operators did, newest first" columns={columns} rows={acts} keyOf={({ actId }) => `${actId}`} />}
          {read.hasNextPage ? (
            <button type="button" className="button" disabled={read.isFetchingNextPage} onClick={() => void read.fetchNextPage()}>
              {read.isFetchingNextPage ? 'Reading…' : 'Read older acts'}
            </button>
          ) : null}
        </>
      )}
    </Card>
  );
}
