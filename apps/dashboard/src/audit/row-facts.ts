import type { CheckedRow } from './check.ts';
import { actorText, type NameOf } from './words.ts';

/** All fields of an entry as its bytes say them, ids with their names. The bytes themselves come last. */
export function factsOf({ leaf, row }: CheckedRow, nameOf: NameOf): { readonly name: string; readonly value: string }[] {
  const bytes = { name: 'bytes, base64url', value: row.leaf };
  if (leaf === null) return [bytes];
  const named = (id: string): string => `${nameOf(id)} (${id})`;
  const fields: [string, string | null][] = [
    ['kind', leaf.kind],
    ['who', leaf.hostId === null ? actorText(leaf, nameOf) : named(leaf.hostId)],
    ['account', leaf.accountId],
    ['desktop', leaf.desktopId === null ? null : named(leaf.desktopId)],
    ['subject', leaf.subject === null ? null : named(leaf.subject)],
    ['epoch', leaf.epoch === null ? null : `${leaf.epoch}`],
    ['sequence', leaf.sequence === null ? null : `${leaf.sequence}`],
    ['digest', leaf.digest],
    ['witness', leaf.witnessed ? 'the host said what it had seen of the log' : null],
  ];
  return [...fields.flatMap(([name, value]) => (value === null ? [] : [{ name, value }])), bytes];
}

/** Whether an entry has a text in its place, its words, names, ids or digest. */
export function matches(checked: CheckedRow, text: string, sentence: string): boolean {
  const wanted = text.trim().toLowerCase();
  const { leaf } = checked;
  const fields = [`${checked.index}`, sentence, leaf?.kind, leaf?.accountId, leaf?.hostId, leaf?.desktopId, leaf?.subject, leaf?.digest];
  return wanted === '' || fields.some((field) => field?.toLowerCase().includes(wanted));
}
