import type { AuditRow, OperatorAudit } from '@godwit/wire/operators';
import { Refused, bytesOfText, type Bytes } from './bytes.ts';
import { readLeaf, type AuditLeaf } from './leaf.ts';
import { checkConsistency, checkInclusion } from './proofs.ts';
import { openTreeHead, type TreeHead } from './tree-head.ts';
import type { Visit } from './visit.ts';

/** The checks of one answer of the audit log, all of them made here: the coordinator's word counts for nothing but what it proves. */

/**
 * first: nothing was seen before, so this key and this head are trusted as they are. grown: the log begins with what was seen before.
 * refused: it is not the log that was seen, or nobody has signed it; then no entry counts.
 */
export type LogVerdict =
  | { readonly state: 'first'; readonly head: TreeHead }
  | { readonly state: 'grown'; readonly head: TreeHead; readonly since: { readonly size: number; readonly atMs: number } }
  | { readonly state: 'refused'; readonly why: 'other-log' | 'head' | 'rewound' | 'forked'; readonly text: string };

export type CheckedRow =
  | { readonly state: 'proven'; readonly index: number; readonly leaf: AuditLeaf; readonly row: AuditRow }
  /** `leaf`: what the bytes say, if they say anything; it is shown as what it is, unproven. */
  | { readonly state: 'refused'; readonly index: number; readonly leaf: AuditLeaf | null; readonly text: string; readonly row: AuditRow };

export interface Checked {
  readonly verdict: LogVerdict;
  readonly rows: readonly CheckedRow[];
  /** What to keep for the next visit; null where the log was refused: what was seen before stays. */
  readonly visit: Visit | null;
}

/** `seen`: what was sent as the question's `seen`; null at the first visit. Never throws for anything in the answer. */
export async function checkAudit(answer: OperatorAudit, seen: Visit | null, nowMs: number): Promise<Checked> {
  const verdict = await checkLog(answer, seen);
  if (verdict.state === 'refused') return { verdict, visit: null, rows: answer.rows.map((row) => refusedRow(row, leafOf(row), 'the log as a whole was refused')) };
  const { head } = verdict;
  const rows = await Promise.all(answer.rows.map((row) => checkRow(row, head)));
  return { verdict, rows, visit: { logKey: answer.logKey, audience: answer.audience, head: answer.head, atMs: nowMs } };
}

async function checkLog(answer: OperatorAudit, seen: Visit | null): Promise<LogVerdict> {
  if (seen !== null && (seen.logKey !== answer.logKey || seen.audience !== answer.audience)) {
    return { state: 'refused', why: 'other-log', text: 'this is another log than the one that this browser saw before: its key or its name is not the same' };
  }
  let head: TreeHead;
  let before: TreeHead | null;
  let proof: Bytes[];
  try {
    const by = { audience: answer.audience, logKey: bytesOfText(answer.logKey) };
    head = await openTreeHead(bytesOfText(answer.head), by);
    before = seen === null ? null : await openTreeHead(bytesOfText(seen.head), by);
    proof = answer.consistency.map(bytesOfText);
  } catch (error) {
    return { state: 'refused', why: 'head', text: textOf(error) };
  }
  if (before === null || seen === null) return { state: 'first', head };
  if (head.size < before.size) return { state: 'refused', why: 'rewound', text: `the log had ${before.size} entries at the last visit and is shown with ${head.size}` };
  try {
    await checkConsistency({ from: before, to: head, proof });
  } catch (error) {
    return { state: 'refused', why: 'forked', text: textOf(error) };
  }
  return { state: 'grown', head, since: { size: before.size, atMs: seen.atMs } };
}

async function checkRow(row: AuditRow, head: TreeHead): Promise<CheckedRow> {
  let leaf: AuditLeaf | null = null;
  try {
    const bytes = bytesOfText(row.leaf);
    leaf = readLeaf(bytes);
    const told = leaf.kind === row.kind && leaf.accountId === row.accountId && leaf.desktopId === row.desktopId;
    if (!told) throw new Refused('the entry says something else than the list around it');
    await checkInclusion({ leaf: bytes, index: row.index, size: head.size, root: head.root, proof: row.inclusion.map(bytesOfText) });
    return { state: 'proven', index: row.index, leaf, row };
  } catch (error) {
    return refusedRow(row, leaf, textOf(error));
  }
}

function refusedRow(row: AuditRow, leaf: AuditLeaf | null, text: string): CheckedRow {
  return { state: 'refused', index: row.index, leaf, text, row };
}

function leafOf({ leaf }: AuditRow): AuditLeaf | null {
  try {
    return readLeaf(bytesOfText(leaf));
  } catch {
    // That it cannot be read is said with the refusal of the log.
    return null;
  }
}

function textOf(error: unknown): string {
  if (error instanceof Refused) return error.message;
  throw error;
}

/** Entries that should be in an unfiltered list and are not, as ranges from newest to oldest. `below`: the list begins under this index; `whole`: it goes on down to entry 0. */
export function gapsIn(indexes: readonly number[], below: number, whole: boolean): { readonly first: number; readonly last: number }[] {
  const gaps: { first: number; last: number }[] = [];
  let expected = below - 1;
  for (const index of indexes) {
    if (index < expected) gaps.push({ first: index + 1, last: expected });
    expected = index - 1;
  }
  if (whole && expected >= 0) gaps.push({ first: 0, last: expected });
  return gaps;
}
