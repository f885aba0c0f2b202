import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { faultCodes, type FaultCode } from '@godwit/base';
import { errorsPage, errorsPath, faultCodesPath, faultGroups } from './errors-page.ts';
import { codeFiles, isTest, root } from './sources.ts';

/** Names that keep their capital at the start of a title. */
const names = /^(QEMU|NBD|QMP|Godwit|PostgreSQL|RAM|KVM)\b/;

/** Codes nothing has to name: FaultJson of a newer peer and whatever else an edge may meet become these by Fault.from. */
const used = new Set<FaultCode>(['INTERNAL']);

describe('the catalogue of faults', () => {
  test(`${errorsPath} says what the table says (write it with: node test/dist/tidy/write-errors.js)`, () => {
    assert.equal(readFileSync(join(root, errorsPath), 'utf8'), errorsPage());
  });

  test('the page has every code of the table, once, and no other', () => {
    const inGroups = faultGroups().flatMap(({ codes }) => codes);
    assert.deepEqual(inGroups, Object.keys(faultCodes));
    const rows = [...readFileSync(join(root, errorsPath), 'utf8').matchAll(/^\| `([A-Z0-9_]+)` /gm)].map(([, code]) => code);
    assert.deepEqual(rows, Object.keys(faultCodes));
  });

  test('titles are lower case, without a period; hints name a next step', () => {
    const findings = Object.entries(faultCodes).flatMap(([code, { title, hint }]) => [
      ...(/^[a-z]/.test(title) || names.test(title) ? [] : [`${code}: the title starts with a capital: ${title}`]),
      ...(/[.!]$/.test(title) ? [`${code}: the title ends a sentence: ${title}`] : []),
      ...(hint.trim().length < 10 ? [`${code}: the hint names no step: ${hint}`] : []),
      ...(/[.!]$/.test(hint) ? [`${code}: the hint ends a sentence: ${hint}`] : []),
      ...(/[^\x20-\x7e]/.test(title + hint) ? [`${code}: not plain ASCII, which some terminals can't show`] : []),
    ]);
    assert.deepEqual(findings, []);
  });

  test('every code is used by something that is no test', () => {
    const sources = codeFiles().filter(({ path }) => path !== faultCodesPath && !isTest(path));
    const unused = (Object.keys(faultCodes) as FaultCode[]).filter((code) => !used.has(code) && !sources.some(({ text }) => text.includes(`'${code}'`)));
    assert.deepEqual(unused, []);
  });
});
