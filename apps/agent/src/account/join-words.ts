import { Fault } from '@godwit/base';
import { joinCodeWords, joinWordlist, readJoinWords } from '@godwit/crypto';
import { nearest } from '../desktop/find-desktop.ts';

/** The code that `typed` stands for, as it is looked up. Throws JOIN_NOT_FOUND, which names the word that is none and the one that may have been meant. Pure. */
export function codeOf(typed: string): string {
  const words = readJoinWords(typed);
  const wrong = words.findIndex(({ word }) => word === undefined);
  if (wrong !== -1) {
    const meant = nearest(words[wrong]!.typed, joinWordlist);
    throw new Fault('JOIN_NOT_FOUND', { expected: 'words as the machine shows them', found: `word ${wrong + 1}, ${words[wrong]!.typed.slice(0, 20)}`, ...(meant === undefined ? {} : { hint: `did you mean ${meant}?` }) });
  }
  if (words.length !== joinCodeWords) throw new Fault('JOIN_NOT_FOUND', { expected: `${joinCodeWords} words`, found: `${words.length}` });
  return words.map(({ word }) => word).join('-');
}
