import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { recoveryTable } from '@godwit/agent';

const page = readFileSync(resolve(import.meta.dirname, '../../../docs/protocol.md'), 'utf8');

test('docs/protocol.md, "After a crash", says what the table of recovery says', () => {
  const section = page.slice(page.indexOf('## After a crash'), page.indexOf('## Forks'));
  const told = [...section.matchAll(/^\| ([a-z]+)(?:: [^|]+)? \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map((row) => row.slice(1)).filter(([record]) => record !== 'the');
  const done = Object.entries(recoveryTable).map(([record, row]) => {
    const cells = [row.gone, row.answers, row.silent].map(({ machine, next }) => (machine === 'none' ? next : `${machine}, ${next}`));
    return [record, ...cells, [row.gone, row.answers, row.silent].flatMap(({ ends }) => ends)] as const;
  });
  assert.deepEqual(told.map((row) => row.slice(0, 4)), done.map((row) => row.slice(0, 4)));
  for (const [index, [record, , , , ends]] of done.entries()) assert.deepEqual(new Set(told[index]![4]!.split(', ')), new Set(ends), record);
});
