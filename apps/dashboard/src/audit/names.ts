import { shortId, type NameOf } from './words.ts';

/**
 * The log has ids and no names. What hosts and desktops are called now is the coordinator's word, which comes with each page of it; of two
 * pages the one that was read later counts. Who has no name any more goes by their id. Pure.
 */
export function namesOf(pages: readonly { readonly answer: { readonly names: readonly { readonly id: string; readonly name: string }[] } }[]): NameOf {
  const names = new Map(pages.flatMap(({ answer }) => answer.names.map(({ id, name }) => [id, name] as const)));
  return (id) => names.get(id) ?? shortId(id);
}
