import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import ts from 'typescript';
import { codeFiles, findAll, isTest, parse, placeOf, walk, type Finding, type SourceFile } from './sources.ts';

const fileLines = 400;
const functionLines = 70;

/** Files that may be longer, each with its reason. */
const longFiles = new Map<string, string>([
  // One line per fault: a catalogue is looked up, not read.
  ['libs/base/src/fault-codes.ts', 'a table'],
]);

/** Functions that may be longer: `path name`, each with its reason. */
const longFunctions = new Map<string, string>([]);

function fileFindings({ path, text }: SourceFile): Finding[] {
  const lines = text.split('\n').length - 1;
  return lines > fileLines && !longFiles.has(path) ? [`${path} has ${lines} lines, more than ${fileLines}`] : [];
}

function functionFindings(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  walk(parse(file), (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    const source = node.getSourceFile();
    const line = (position: number): number => source.getLineAndCharacterOfPosition(position).line;
    const lines = line(node.getEnd()) - line(node.getStart()) + 1;
    const name = nameOf(node);
    if (lines > functionLines && !longFunctions.has(`${file.path} ${name}`)) findings.push(`${placeOf(node)} ${name} has ${lines} lines, more than ${functionLines}`);
  });
  return findings;
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  return ts.isVariableDeclaration(node.parent) || ts.isPropertyDeclaration(node.parent) ? node.parent.name.getText() : 'a function without a name';
}

describe('sizes', () => {
  const files = codeFiles().filter(({ path }) => !isTest(path));

  test('the rules find what they are for', () => {
    const body = 'x;\n'.repeat(functionLines - 2);
    assert.equal(fileFindings({ path: 'a.ts', text: 'x;\n'.repeat(fileLines) }).length, 0);
    assert.equal(fileFindings({ path: 'a.ts', text: 'x;\n'.repeat(fileLines + 1) }).length, 1);
    assert.equal(functionFindings({ path: 'a.ts', text: `function f() {\n${body}}` }).length, 0);
    for (const text of [`function f() {\n${body}x;\n}`, `const f = () => {\n${body}x;\n}`, `class A {\n m() {\n${body}x;\n}\n}`]) {
      assert.equal(functionFindings({ path: 'a.ts', text }).length, 1, text.slice(0, 20));
    }
  });

  test(`no source has more than ${fileLines} lines`, () => assert.deepEqual(findAll(files, fileFindings), []));

  test(`no function has more than ${functionLines} lines`, () => assert.deepEqual(findAll(files, functionFindings), []));

  test('every exception exists', () => {
    for (const path of [...longFiles.keys(), ...[...longFunctions.keys()].map((key) => key.split(' ')[0])]) assert.ok(files.some((file) => file.path === path), path);
  });
});
