import { useInfiniteQuery } from '@tanstack/react-query';
import { call } from '../api/call.ts';
import { Refusal } from '../api/refusal.ts';
import { wallMs } from '../ports.ts';
import { auditAsk, type AuditFilters } from './filters.ts';
import { AuditVisit, type AskLog, type CheckedAnswer } from './session.ts';

/** One visit for all pages of this document: going to another page and back is not a new visit. */
let visit: AuditVisit | undefined;

export function currentVisit(): AuditVisit {
  visit ??= new AuditVisit(localStorage, wallMs);
  return visit;
}

const isUnknownHead = (error: unknown): boolean => error instanceof Refusal && error.code === 'TREE_HEAD_INVALID';

/** One page of the log, checked in this browser. */
export function askAudit(filters: AuditFilters, before: string | undefined, signal?: AbortSignal): Promise<CheckedAnswer> {
  const ask: AskLog = (more) => call('readOperatorAudit', { query: { ...auditAsk(filters), ...more } }, signal);
  return currentVisit().ask(ask, before, isUnknownHead);
}

/** The log from its newest entry down, as far as it was asked for. News does not read it again: entries would move away under the reader. */
export function useAudit(filters: AuditFilters) {
  return useInfiniteQuery<CheckedAnswer, Refusal, { readonly pages: CheckedAnswer[] }, readonly unknown[], string | undefined>({
    queryKey: ['audit log', auditAsk(filters)],
    queryFn: ({ pageParam, signal }) => askAudit(filters, pageParam, signal),
    initialPageParam: undefined,
    getNextPageParam: ({ answer: { next } }) => (next === null ? undefined : `${next}`),
  });
}
