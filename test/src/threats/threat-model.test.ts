import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import ts from 'typescript';
import { parse, root, walk } from '../tidy/sources.ts';
import { rows as accountRows } from '../account/rows.ts';
import { registry } from '../faults/registry.ts';
import { faultRows } from './fault-rows.ts';
import { pagePath, renderFaultRow, renderRow, withRows } from './page.ts';
import { rows, type NamedTest } from './rows.ts';

/** Names of the tests of a file, as the source spells them: `${...}` in a name stays. */
function testNames(file: string, text: string): Set<string> {
  const names = new Set<string>();
  walk(parse({ path: file, text }), (node) => {
    if (!ts.isCallExpression(node) || !/^(test|it|t\.test)$/.test(node.expression.getText())) return;
    const [name] = node.arguments;
    if (name === undefined) return;
    if (ts.isStringLiteralLike(name)) names.add(name.text);
    else if (ts.isTemplateExpression(name)) names.add(name.getText().slice(1, -1));
  });
  return names;
}

function isThere([file, name]: NamedTest): boolean {
  return existsSync(join(root, file)) && testNames(file, readFileSync(join(root, file), 'utf8')).has(name);
}

describe('the threat model', () => {
  const page = readFileSync(join(root, pagePath), 'utf8');

  test('a test that is not there, or has another name, would be seen', () => {
    assert.deepEqual([...testNames('a.test.ts', "test('one', f); it('it\\'s', f); test(`${x}: two`, f); test.skip('no', f); other('three', f);")], ['one', "it's", '${x}: two']);
    assert.equal(isThere(['test/src/threats/threat-model.test.ts', 'a test that is not there, or has another name, would be seen']), true);
    assert.equal(isThere(['test/src/threats/threat-model.test.ts', 'a test that is not there']), false);
    assert.equal(isThere(['test/src/threats/nowhere.test.ts', 'a']), false);
  });

  test('every test that a row names is in its file', () => {
    assert.deepEqual(rows.flatMap(({ tests }) => tests.filter((named) => !isThere(named))), []);
  });

  test('every row has a test, or says why it has none', () => {
    assert.deepEqual(rows.filter(({ tests, notYet }) => tests.length === 0 && notYet === undefined), []);
    assert.equal(new Set(rows.map(({ by, action }) => `${by}: ${action}`)).size, rows.length);
    assert.deepEqual(accountRows.filter(({ by, action }) => !rows.some((row) => row.by === by && row.action === action)), []);
  });

  test('every row of faults has a fault of the campaign or a test, and every fault has a row', () => {
    assert.deepEqual(faultRows.flatMap(({ tests }) => tests.filter((named) => !isThere(named))), []);
    assert.deepEqual(faultRows.filter(({ faults, tests, notYet }) => faults.length + tests.length === 0 && notYet === undefined), []);
    assert.deepEqual(registry.filter((fault) => !faultRows.some(({ faults }) => faults.includes(fault))), []);
  });

  test('every row is on the page, and the page has no other (node test/dist/threats/write-threat-model.js)', () => {
    for (const row of rows) assert.ok(page.includes(renderRow(row)), `${row.by}: ${row.action}`);
    for (const row of faultRows) assert.ok(page.includes(renderFaultRow(row)), row.row);
    assert.equal(page, withRows(page));
  });
});
