import { Fault, printable } from '@godwit/base';
import { houseWords } from '@godwit/wire';
import { nearest } from '../desktop/find-desktop.ts';
import { tell } from './ask.ts';
import type { Common, Shell } from './shell.ts';

/** `godwit words`: the glossary, which is that of the docs and of the operators' dashboard. */

export function wordsCommand({ add, fail }: Shell): void {
  add('words [word]', 'what the words mean that Godwit uses everywhere: in commands, messages, docs and dashboard').action((word: string | undefined, options: Common) => {
    try {
      const words = wordsLike(word).map(({ word: each, meaning }) => ({ word: each, meaning }));
      tell(options.json === true ? JSON.stringify({ words }) : words.map((each) => `${each.word}\n    ${each.meaning}`).join('\n'));
    } catch (error) {
      fail(error, options);
    }
  });
}

/** All, or those that `asked` is in. Throws ARGUMENT_INVALID, with the word that may have been meant. Pure. */
export function wordsLike(asked: string | undefined): typeof houseWords {
  if (asked === undefined) return houseWords;
  const found = houseWords.filter(({ word }) => word.split(', ').includes(asked.toLowerCase()));
  if (found.length > 0) return found;
  const near = nearest(asked, houseWords.flatMap(({ word }) => word.split(', ')));
  throw new Fault('ARGUMENT_INVALID', { found: `no such word: ${printable(asked)}`, hint: near === undefined ? '`godwit words` lists all' : `did you mean \`godwit words "${near}"\`?` });
}
