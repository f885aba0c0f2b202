import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hiddenTestFindings, markerFindings, nameFindings, silencedFindings } from './leftovers.ts';
import { codeFiles, filesMatching, findAll, type Finding, type SourceFile } from './sources.ts';

const code = codeFiles();
const prose = filesMatching(/^(README|CHANGELOG|CONTRIBUTING)\.md$|^docs\/.*\.md$|^infra\/.*(?<!\.mjs)$/);

describe('leftovers', () => {
  test('the rules find what they are for', () => {
    const count = (rule: (file: SourceFile) => Finding[], text: string, path = 'libs/x/src/a.test.ts'): number => rule({ path, text }).length;
    for (const text of ['// TODO later', '# FIXME: x', 'XXX', 'good enough for now', "throw new Error('Not implemented')", 'not yet implemented']) assert.equal(count(markerFindings, text), 1, text);
    for (const text of ['a method for nowhere', '{ todo: 0 }']) assert.equal(count(markerFindings, text), 0, text);
    for (const path of ['a/util.ts', 'a/string-utils.ts', 'a/helpers/x.ts', 'a/disk-manager.ts', 'common.ts']) assert.equal(count(nameFindings, '', path), 1, path);
    assert.equal(count(nameFindings, '', 'a/commonplace/utility-room.ts'), 0);
    for (const text of ["test.only('x', f)", "describe.skip('x', f)", "test.todo('x')", "test('x', { skip: true }, f)", "test('x', { only: true }, f)"]) assert.equal(count(hiddenTestFindings, text), 1, text);
    for (const text of ["test.skip('x, because the kernel has none', f)", "test('x', { skip: reason }, f)", "test('x', { skip: false }, f)"]) assert.equal(count(hiddenTestFindings, text), 0, text);
    for (const text of ['let a = b as any;', 'try { f(); } catch {}', 'try { f(); } catch (error) { }', 'f().catch(() => {});', 'await f().catch(() => undefined);']) assert.equal(count(silencedFindings, text), 1, text);
    for (const text of ['try { f(); } catch {\n // gone already\n}', '// It may be gone.\nf().catch(() => {});', 'f().catch(() => []);', 'let a = b as unknown;']) assert.equal(count(silencedFindings, text), 0, text);
  });

  test('nothing is marked as put off', () => assert.deepEqual(findAll([...code, ...prose], markerFindings), []));
  test('no file is a shelf', () => assert.deepEqual(findAll(code, nameFindings), []));
  test('no test is hidden without a reason', () => assert.deepEqual(findAll(code, hiddenTestFindings), []));
  test('nothing is silenced without a word', () => assert.deepEqual(findAll(code, silencedFindings), []));
});
