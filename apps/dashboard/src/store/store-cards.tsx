import { useState } from 'react';
import { Link } from 'react-router';
import type { JobRun, StoreView } from '@godwit/wire/operators';
import { useNowMs } from '../live/live-context.tsx';
import { Badge, Term } from '../parts/badge.tsx';
import { Empty } from '../parts/card.tsx';
import { Bytes, Duration, Time } from '../parts/figures.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { pathToDesktop } from '../shell/places.ts';
import { countText, plural } from '../words/figures.ts';
import { costText, coverageText, dedupText, figuresText, findings, fullText, runLengthMs, runStates, scrubText, secondText } from './store-words.ts';

/** What lies in the store, how long there is room, and what it costs. */
export function Now({ store }: { readonly store: StoreView }) {
  const nowMs = useNowMs(60_000);
  return (
    <>
      <p className="loss">{fullText(store, nowMs)}</p>
      <dl className="facts">
        <dt>Live</dt>
        <dd>
          <Bytes value={store.liveBytes} />, needed by a checkpoint
        </dd>
        <dt>Dead</dt>
        <dd>
          <Bytes value={store.deadBytes} />, needed by none; waiting for the grace time or the lock of the store
        </dd>
        <dt>Objects</dt>
        <dd>{countText(store.objects)}</dd>
        <dt>Each byte is used</dt>
        <dd>{dedupText(store)}</dd>
        <dt>Cost of a month</dt>
        <dd>
          <Cost store={store} />
        </dd>
      </dl>
    </>
  );
}

const priceName = 'godwit-store-price';

/** The price is this viewer's own and stays in this browser. */
function Cost({ store }: { readonly store: StoreView }) {
  const [price, setPrice] = useState(() => localStorage.getItem(priceName) ?? '');
  return (
    <label className="cost">
      <output>{costText(store, price)}</output>
      <span>
        at a price for one GiB and month of{' '}
        <input
          inputMode="decimal"
          value={price}
          maxLength={12}
          autoComplete="off"
          onChange={({ target: { value } }) => {
            setPrice(value);
            localStorage.setItem(priceName, value);
          }}
        />
      </span>
    </label>
  );
}

type Share = StoreView['desktops'][number];

export function ByDesktop({ store: { desktops, liveBytes } }: { readonly store: StoreView }) {
  if (desktops.length === 0) return <Empty title="No desktop has anything in the store yet." />;
  const columns: readonly Column<Share>[] = [
    { key: 'name', title: 'Desktop', cell: ({ accountId, desktopId, name }) => <Link to={pathToDesktop(accountId, desktopId)}>{name}</Link> },
    { key: 'live', title: 'Live', right: true, cell: (share) => <Bytes value={share.liveBytes} /> },
    { key: 'part', title: 'Of all', right: true, cell: (share) => coverageText(share.liveBytes, liveBytes) },
    { key: 'objects', title: 'Objects', right: true, wideOnly: true, cell: ({ objects }) => countText(objects) },
  ];
  return <Table caption="Live bytes by desktop, biggest first" columns={columns} rows={desktops} keyOf={({ accountId, desktopId }) => `${accountId} ${desktopId}`} />;
}

type Finding = StoreView['scrub']['damaged'][number];

const findingColumns: readonly Column<Finding>[] = [
  { key: 'key', title: 'Object', cell: ({ key }) => <code>{key}</code> },
  { key: 'finding', title: 'What is wrong', cell: ({ finding }) => findings[finding] },
  { key: 'looked', title: 'Found', cell: ({ lookedMs }) => <Time ms={lookedMs} short /> },
];

/** Whether what lies there is what was committed. */
export function Scrub({ store }: { readonly store: StoreView }) {
  const nowMs = useNowMs(60_000);
  const { objects, looked, damaged } = store.scrub;
  return (
    <>
      <p>{scrubText(store, nowMs)}</p>
      {objects === 0 ? null : <meter className="coverage" min={0} max={objects} value={looked} aria-label="Looked at" />}
      {damaged.length === 0 ? null : <Table caption="Objects that are not as they were committed" columns={findingColumns} rows={damaged} keyOf={({ key }) => key} />}
      {damaged.length === 0 ? null : (
        <p className="quiet">
          Next step: put these objects back from a copy of the store; a checkpoint that needs one cannot be resumed. <Term term="pack">What an object is</Term>
        </p>
      )}
    </>
  );
}

/** Whether everything is also elsewhere. */
export function SecondBucket({ store: { secondBucket } }: { readonly store: StoreView }) {
  const nowMs = useNowMs(60_000);
  if (secondBucket === null) return <Empty title="There is none.">With REPLICA_S3_BUCKET in the coordinator's environment all objects are copied to another bucket.</Empty>;
  const { place, copiedObjects, copiedBytes, behindObjects, goneObjects, goneBytes } = secondBucket;
  return (
    <>
      <p className={behindObjects === 0 ? undefined : 'loss'}>{secondText(secondBucket, nowMs)}</p>
      <dl className="facts">
        <dt>Where</dt>
        <dd>{place}</dd>
        <dt>Copied</dt>
        <dd>
          <Bytes value={copiedBytes} /> in {plural(copiedObjects, 'object')}, each read back
        </dd>
        <dt>Kept for its grace time</dt>
        <dd>
          <Bytes value={goneBytes} /> in {plural(goneObjects, 'object')} that the store has no more
        </dd>
      </dl>
    </>
  );
}

export function Runs({ store: { runs } }: { readonly store: StoreView }) {
  const nowMs = useNowMs(10_000);
  if (runs.length === 0) return <Empty title="No job has run yet.">Prune and scrub run by themselves.</Empty>;
  const columns: readonly Column<JobRun>[] = [
    { key: 'job', title: 'Job', cell: ({ job }) => job },
    { key: 'state', title: 'State', cell: ({ state }) => <Badge wording={runStates[state]} /> },
    { key: 'started', title: 'Begun', cell: ({ startedMs }) => <Time ms={startedMs} short /> },
    { key: 'took', title: 'Took', right: true, wideOnly: true, cell: (run) => <Duration ms={runLengthMs(run, nowMs)} /> },
    { key: 'did', title: 'Did', cell: ({ figures, fault }) => fault ?? figuresText(figures) },
  ];
  return <Table caption="Runs of prune and scrub, newest first" columns={columns} rows={runs} keyOf={({ job, startedMs }) => `${job} ${startedMs}`} />;
}
