import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { codeFiles, filesMatching } from '../tidy/sources.ts';
import { scoreFindings, scoreRows } from './score.ts';

const upTo = (letter: string, last: number): string[] => Array.from({ length: last }, (_, index) => `${letter}${index + 1}`);
const wanted = [...upTo('C', 20), ...upTo('D', 4), 'D15', 'D16', ...upTo('O', 18), ...upTo('E', 12)];

describe('docs/score.md', () => {
  test('the rule finds what it is for', () => {
    const file = { path: 'a.test.ts', text: "test('says yes', () => {}); test(`${each} says no`, () => {}); const text = 'says maybe';" };
    const row = (id: string, score: number, proof: string): string => `| ${id} | a row | ${score} | what there is | ${proof} |`;
    const page = (...rows: string[]): string[] => scoreFindings(scoreRows(rows.join('\n')), ['C1', 'C2'], new Map([[file.path, file]]));
    assert.deepEqual(page(row('C1', 3, '`a.test.ts`: "says yes"<br>`a.test.ts`: "${each} says no"'), row('C2', 1, '')), []);
    for (const [rows, finding] of [
      [[row('C1', 3, '`a.test.ts`: "says yes"')], 'C2 is there 0 times'],
      [[row('C1', 0, ''), row('C1', 0, ''), row('C2', 0, '')], 'C1 is there 2 times'],
      [[row('C1', 0, ''), row('C2', 0, ''), row('C3', 0, '')], 'C3 is no row of the tables'],
      [[row('C1', 4, '`a.test.ts`: "says yes"'), row('C2', 0, '')], 'C1 cannot have 4'],
      [[row('C1', 3, 'it is so'), row('C2', 0, '')], 'C1 has 3 without a test'],
      [[row('C1', 3, '`b.test.ts`: "says yes"'), row('C2', 0, '')], 'C1 names no test file: b.test.ts'],
      [[row('C1', 2, '`a.test.ts`: "says maybe"'), row('C2', 0, '')], 'C1 names no test of a.test.ts: says maybe'],
    ] as const) assert.deepEqual(page(...rows), [finding]);
  });

  test('has every row once, and for each 3 a test that exists', () => {
    const [page] = filesMatching(/^docs\/score\.md$/);
    const tests = new Map(codeFiles().filter(({ path }) => /\.(test|flow)\.tsx?$/.test(path)).map((file) => [file.path, file]));
    assert.deepEqual(scoreFindings(scoreRows(page!.text), wanted, tests), []);
  });
});
