import type { CheckedRow } from './check.ts';

/** The log for other programs: one object a line, with what is needed to check it again. Times as ISO 8601 in UTC. */

/** What the proofs lead to; the same for all rows that came in one answer. */
export interface Source {
  readonly audience: string;
  readonly logKey: string;
  readonly head: string;
}

export function jsonLine(checked: CheckedRow, { audience, logKey, head }: Source): string {
  const { index, leaf, row } = checked;
  const read = leaf === null ? {} : { ...leaf, timeMs: undefined, time: new Date(leaf.timeMs).toISOString() };
  const refused = checked.state === 'refused' ? { refused: checked.text } : {};
  return JSON.stringify({ index, proof: checked.state, ...refused, ...read, bytes: row.leaf, inclusion: row.inclusion, audience, logKey, head });
}
