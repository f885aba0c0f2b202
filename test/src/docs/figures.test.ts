import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { arriveFigures, departFigures } from '@godwit/wire';
import { filesMatching } from '../tidy/sources.ts';

const [page] = filesMatching(/^docs\/performance\.md$/);
const known: Readonly<Record<string, object>> = { depart: departFigures.shape, arrive: arriveFigures.shape };

describe('figures in docs/performance.md', () => {
  test('every path into the file of the demo leads to a figure', () => {
    const paths = [...page!.text.matchAll(/`moves\[[\d*]\]\.(\w+)\.(\w+)`/g)];
    assert.ok(paths.length > 4);
    for (const [path, part, figure] of paths) assert.ok(Object.hasOwn(known[part!] ?? {}, figure!), path);
  });

  test('every time of a move is explained, and no other', () => {
    for (const [part, figures] of Object.entries(known)) {
      const section = page!.text.slice(page!.text.indexOf(`### ${part} `)).split('\n### ')[0]!;
      const explained = [...section.matchAll(/^\| `(\w+Ms)` \|/gm)].map(([, figure]) => figure);
      // What is on a machine's own clock is no duration.
      assert.deepEqual(explained, Object.keys(figures).filter((figure) => figure.endsWith('Ms') && !figure.endsWith('AtMs')), part);
    }
  });
});
