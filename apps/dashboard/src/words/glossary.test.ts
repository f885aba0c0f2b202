import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { houseWords, pageWords } from '@godwit/wire/operators';
import { conditions, hostStates, moveKinds, moveStates, protections, severities, type Wording } from './wordings.ts';

test('the glossary has the words of docs/ARCHITECTURE.md, word for word', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/ARCHITECTURE.md'), 'utf8');
  const table = page.slice(page.indexOf('## The words'), page.indexOf('## The way of the data'));
  const rows = [...table.matchAll(/^\| ([^|]+) \| ([^|]+) \|$/gm)].map(([, word, meaning]) => [word, meaning]).slice(1).filter(([word]) => word !== '---');
  assert.ok(rows.length > 15);
  assert.deepEqual(houseWords.map(({ word, meaning }) => [word, meaning]), rows);
});

test('every word that leads to the glossary finds its entry there, and no two have one anchor', () => {
  const terms = [...houseWords, ...pageWords].map(({ term }) => term);
  assert.equal(new Set(terms).size, terms.length);
  const wordings: Wording[] = [conditions, hostStates, moveKinds, moveStates, protections, severities].flatMap((table) => Object.values<Wording>(table));
  for (const { word, term } of wordings) if (term !== undefined) assert.ok(terms.includes(term), `${word} leads to ${term}`);
});
