import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Fault } from '@godwit/base';
import { codeOf } from './join-words.ts';

const refusal = (typed: string): Fault => {
  try {
    codeOf(typed);
  } catch (error) {
    return Fault.from(error);
  }
  throw new Error(`taken: ${typed}`);
};

describe('a join code as people type it', () => {
  test('is the code, with dashes or blanks, in capitals, or by four letters of each word', () => {
    const code = 'able-acid-zone-zoo-abandon-year-yellow-world';
    for (const typed of [code, code.replaceAll('-', ' '), code.toUpperCase(), ` ${code.replaceAll('-', '  -  ')} `, 'able acid zone zoo aban year yell worl']) assert.equal(codeOf(typed), code, typed);
  });

  test('that is mistyped says which word, and which was meant', () => {
    const { code, message, hint } = refusal('able-acid-zone-zooo-abandon-year-yellow-world');
    assert.equal(code, 'JOIN_NOT_FOUND');
    assert.match(message, /word 4, zooo/);
    assert.equal(hint, 'did you mean zoo?');
  });

  test('of another length, or of nothing, is none', () => {
    for (const typed of ['', 'able', 'able '.repeat(9), 'x'.repeat(1e6)]) assert.equal(refusal(typed).code, 'JOIN_NOT_FOUND');
    assert.match(refusal('able acid').message, /8 words/);
  });
});
