import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Fault } from '@godwit/base';
import { commandLineSchema } from '@godwit/wire';
import { assertPrintable, schemaPath, traceIn } from '../house/command-output.ts';
import { root } from '../tidy/sources.ts';

describe('the schema of what godwit prints', () => {
  test(`${schemaPath} is what libs/wire says (write it with: node test/dist/docs/write-cli-schema.js)`, () => {
    assert.deepEqual(JSON.parse(readFileSync(join(root, schemaPath), 'utf8')), commandLineSchema());
  });

  test('takes what a command prints, and more fields of a newer one, and nothing that lacks some', () => {
    const given = { name: 'work', for: 'safe', state: 'free', waitedMs: 3 };
    assertPrintable('wait', given);
    assertPrintable('wait', { ...given, andMore: true });
    for (const key of Object.keys(given)) assert.throws(() => assertPrintable('wait', { ...given, [key]: undefined }), /cli-schema/, key);
    assert.throws(() => assertPrintable('wait', { ...given, state: 'asleep' }), /state/);
    assert.throws(() => assertPrintable('frobnicate', given), /does not know/);
  });

  test('takes a fault under whatever command', () => {
    assertPrintable('wait', { error: new Fault('DESKTOP_BUSY').toJSON() });
    assert.throws(() => assertPrintable('wait', { error: { code: 'DESKTOP_BUSY' } }), /kind/);
  });

  test('a stack trace would be seen', () => {
    for (const line of ['    at run (file:///x/run.js:3:4)', '    at node:internal/main:5', "Error: no /snapshot/app", 'file:///godwit/apps/agent/dist/cli/main.js:12']) assert.equal(traceIn(`good\n${line}\n`), line);
    assert.equal(traceIn('godwit: error: no agent runs here (/tmp/x/control.sock)\nwork is at checkpoint 3\n'), undefined);
  });
});
