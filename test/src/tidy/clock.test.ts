import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import ts from 'typescript';
import { codeFiles, findAll, isTest, parse, placeOf, walk, type Finding, type SourceFile } from './sources.ts';

/** Where the real clock and the real randomness may be touched, each with its reason; all else is given a port. */
const edges = new Map<string, string>([
  ['libs/base/src/ports.ts', 'the ports themselves'],
  ['apps/dashboard/src/ports.ts', 'the ports of the page, which runs in a browser'],
  ['libs/base/src/log.ts', 'every line of a log has a time'],
]);

const calls = /^(Date\.now|performance\.now|Math\.random|process\.(uptime|hrtime|hrtime\.bigint)|os\.uptime|(crypto\.)?(randomBytes|randomUUID|randomInt|randomFill|randomFillSync|getRandomValues)|sodium\.randombytes_\w+|uptime)$/;

function findings(file: SourceFile): Finding[] {
  if (edges.has(file.path)) return [];
  const found: Finding[] = [];
  walk(parse(file), (node) => {
    if (ts.isCallExpression(node) && calls.test(node.expression.getText())) found.push(`${placeOf(node)} ${node.expression.getText()}()`);
    if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0) found.push(`${placeOf(node)} new Date()`);
    if (ts.isImportSpecifier(node) && /^(randomBytes|randomUUID|randomInt)$/.test((node.propertyName ?? node.name).text)) found.push(`${placeOf(node)} imports ${node.getText()}`);
  });
  return found;
}

describe('clock and randomness come by port', () => {
  // infra/ runs before the house is built, so it has no ports; it decides nothing by the clock but its own patience.
  const files = codeFiles().filter(({ path }) => !isTest(path) && !path.startsWith('infra/'));

  test('the rule finds what it is for', () => {
    for (const text of ['Date.now()', 'performance.now()', 'Math.random()', 'randomBytes(4)', 'crypto.randomUUID()', 'new Date()', 'new Date', "import { randomBytes as r } from 'node:crypto'"]) {
      assert.equal(findings({ path: 'a.ts', text }).length, 1, text);
    }
    for (const text of ['new Date(clock.wallMs())', 'random(4)', '// Date.now()', 'clock.now()']) assert.equal(findings({ path: 'a.ts', text }).length, 0, text);
  });

  test('nobody else looks at the clock or rolls dice', () => assert.deepEqual(findAll(files, findings), []));

  test('every exception exists', () => {
    for (const path of edges.keys()) assert.ok(files.some((file) => file.path === path), path);
  });
});
