import { useId, type ReactNode } from 'react';
import type { UseQueryResult } from '@tanstack/react-query';
import type { Refusal } from '../api/refusal.ts';
import { Time } from './figures.tsx';

interface CardProps<Data> {
  readonly title: string;
  /** Beside the title: a link, a count. */
  readonly aside?: ReactNode;
  readonly read: Pick<UseQueryResult<Data, Refusal>, 'data' | 'error' | 'isFetching' | 'dataUpdatedAt' | 'refetch'>;
  /** Room that is kept while it loads: the lines it will have, about; 1 to 12. */
  readonly lines?: number;
  readonly children: (data: Data) => ReactNode;
  readonly wide?: boolean;
}

/** One answer of the coordinator. It loads alone and fails alone, with the reason, and with what was read before if there is that. */
export function Card<Data>({ title, aside, read, lines = 3, children, wide = false }: CardProps<Data>) {
  const id = useId();
  return (
    <section className={wide ? 'card card-wide' : 'card'} aria-labelledby={id} aria-busy={read.isFetching && read.data === undefined}>
      <header className="card-head">
        <h2 id={id}>{title}</h2>
        {aside === undefined ? null : <div className="card-aside">{aside}</div>}
      </header>
      {read.error === null ? null : <Failed refusal={read.error} again={() => void read.refetch()} busy={read.isFetching} asOfMs={read.data === undefined ? null : read.dataUpdatedAt} />}
      {read.data === undefined ? read.error === null && <Loading lines={lines} /> : children(read.data)}
    </section>
  );
}

/** What went wrong with one part of the page, in the coordinator's words, and the next step. */
export function Failed({ refusal, again, busy = false, asOfMs = null }: { readonly refusal: Refusal; readonly again?: () => void; readonly busy?: boolean; readonly asOfMs?: number | null }) {
  return (
    <div className="failed" role="alert">
      <p>
        <strong>{asOfMs === null ? 'This could not be read' : 'This could not be read again'}:</strong> {refusal.message} <code>{refusal.code}</code>
      </p>
      <p className="quiet">
        Next step: {refusal.hint}.{asOfMs === null ? null : <> What follows was read <Time ms={asOfMs} short />.</>}
      </p>
      {again === undefined ? null : (
        <button type="button" className="button" onClick={again} disabled={busy}>
          {busy ? 'Trying…' : 'Try again'}
        </button>
      )}
    </div>
  );
}

function Loading({ lines }: { readonly lines: number }) {
  return (
    <div className={`loading lines-${Math.min(12, Math.max(1, lines))}`}>
      <span className="unseen">Loading</span>
    </div>
  );
}

/** Nothing there, and why that is good or what makes something be there. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children === undefined ? null : <p className="quiet">{children}</p>}
    </div>
  );
}
