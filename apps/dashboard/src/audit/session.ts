import type { OperatorAudit } from '@godwit/wire/operators';
import { checkAudit, type Checked, type LogVerdict } from './check.ts';
import { readVisit, visitName, writeVisit, type Kept, type Visit } from './visit.ts';

/** What an answer was, after its checks. */
export interface CheckedAnswer extends Checked {
  readonly answer: OperatorAudit;
}

/** Where a visit is kept: a browser's storage, or a test's. */
export interface VisitStore {
  getItem(name: string): string | null;
  setItem(name: string, text: string): void;
  removeItem(name: string): void;
}

/** The question for one page of the log; `seen`: the head that the answer has to grow from. */
export type AskLog = (ask: { readonly before?: string; readonly seen?: string }) => Promise<OperatorAudit>;

/**
 * One visit to the log, from the page's load to its end: each answer is checked against the newest head that was proven before it. What
 * the visit as a whole has found stays: a refusal does not go away because the next answer is in order.
 */
export class AuditVisit {
  readonly #store: VisitStore;
  readonly #nowMs: () => number;
  #seen: Visit | null;
  #verdict: LogVerdict | null = null;
  /** What was kept when the visit began. */
  readonly kept: Kept;

  constructor(store: VisitStore, nowMs: () => number) {
    this.#store = store;
    this.#nowMs = nowMs;
    this.kept = readVisit(store.getItem(visitName));
    this.#seen = this.kept.state === 'kept' ? this.kept.visit : null;
  }

  /** Of the whole visit; null before the first answer. */
  get verdict(): LogVerdict | null {
    return this.#verdict;
  }

  /** The newest head that was proven, for evidence. */
  get seen(): Visit | null {
    return this.#seen;
  }

  /** Asks and checks. `isUnknownHead`: whether the coordinator refused because it has never signed what was seen; then it is asked for what it has. */
  async ask(ask: AskLog, before: string | undefined, isUnknownHead: (error: unknown) => boolean): Promise<CheckedAnswer> {
    const seen = this.#seen;
    const from = before === undefined ? {} : { before };
    let answer: OperatorAudit;
    try {
      answer = await ask({ ...from, ...(seen === null ? {} : { seen: seen.head }) });
    } catch (error) {
      if (seen === null || !isUnknownHead(error)) throw error;
      answer = await ask(from);
    }
    const checked = await checkAudit(answer, seen, this.#nowMs());
    this.#verdict = joined(this.#verdict, checked.verdict);
    if (checked.visit !== null && this.#verdict.state !== 'refused') this.#keep(checked.visit);
    return { ...checked, answer };
  }

  /** From now on what the coordinator shows next is trusted as at a first visit. */
  forget(): void {
    this.#store.removeItem(visitName);
    this.#seen = null;
    this.#verdict = null;
  }

  #keep(visit: Visit): void {
    this.#seen = visit;
    this.#store.setItem(visitName, writeVisit(visit));
  }
}

/** What a visit has found after one more answer: since when, as at its beginning; how far, as now; a refusal for good. */
function joined(before: LogVerdict | null, now: LogVerdict): LogVerdict {
  if (before === null || now.state === 'refused') return before?.state === 'refused' ? before : now;
  return before.state === 'refused' ? before : { ...before, head: now.head };
}
