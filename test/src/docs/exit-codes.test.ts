import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { faultCodes } from '@godwit/base';
import { root } from '../tidy/sources.ts';
import { exitCodeTable, operationsPath, readExitCodes, withTable } from './exit-codes.ts';

describe('exit codes in docs', () => {
  test('the tables are found in the source of the CLI', () => {
    const { numbers, byFault } = readExitCodes();
    assert.equal(numbers.get('done'), 0);
    assert.equal(numbers.get('heldElsewhere'), 5);
    assert.equal(byFault.get('fenced'), 'heldElsewhere');
    for (const [fault, name] of byFault) {
      assert.ok(numbers.has(name), name);
      assert.ok(Object.hasOwn(faultCodes, fault) || Object.values(faultCodes).some(({ kind }) => kind === fault), fault);
    }
  });

  test('a number that changes, or a code that moves, changes the table', () => {
    const { numbers, byFault } = readExitCodes();
    const table = exitCodeTable();
    assert.notEqual(exitCodeTable({ numbers: new Map([...numbers, ['busy', 99]]), byFault }), table);
    assert.notEqual(exitCodeTable({ numbers, byFault: new Map([...byFault, ['DESKTOP_BUSY', 'pending']]) }), table);
    assert.throws(() => exitCodeTable({ numbers: new Map([['mystery', 77]]), byFault }), /mystery/);
  });

  test(`${operationsPath} says what the code says (write it with: node test/dist/docs/write-exit-codes.js)`, () => {
    const page = readFileSync(join(root, operationsPath), 'utf8');
    assert.equal(page, withTable(page, exitCodeTable()));
  });
});
