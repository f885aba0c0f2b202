import assert from 'node:assert/strict';
import { test } from 'node:test';
import { houseWords } from '@godwit/wire';
import { wordsLike } from './words-command.ts';

test('godwit words has every word of the glossary, and each by itself however it is typed', () => {
  assert.equal(wordsLike(undefined), houseWords);
  for (const entry of houseWords) for (const word of entry.word.split(', ')) assert.deepEqual(wordsLike(word.toUpperCase()), [entry], word);
});

test('godwit words names the word that was meant', () => {
  assert.throws(() => wordsLike('chekpoint'), { code: 'ARGUMENT_INVALID', hint: 'did you mean `godwit words "checkpoint"`?' });
  assert.throws(() => wordsLike('zebra'), { code: 'ARGUMENT_INVALID', hint: '`godwit words` lists all' });
});
