import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { filesMatching, findAll } from '../tidy/sources.ts';
import { anchorsOf, linkFindings } from './links.ts';

const pages = filesMatching(/\.md$/);
const found = (text: string, path = 'docs/x.md'): number => linkFindings({ path, text }).length;

describe('links between pages', () => {
  test('the rule finds what it is for', () => {
    for (const text of ['[a](gone.md)', 'x [a](../docs) and [b](gone/)', '[a](#nothing)', '# One\n[a](#two)', '[a](../README.md#no-such-heading)', '[a](../../outside.md)', '[a](/etc/passwd)', '[a](../package.json#x)', '[a](gone.md "title")']) {
      assert.equal(found(text), 1, text);
    }
    for (const text of ['[a](../README.md)', '[a](../docs)', '[a](https://example.org/x.md#y)', '# One `two`: three!\n[a](#one-two-three)', '`[a](gone.md)`', '```\n[a](gone.md)\n```', '[a](../infra/README.md#setting-up-bootstrap)']) {
      assert.equal(found(text), 0, text);
    }
  });

  test('headings that are alike get numbers', () => {
    assert.deepEqual([...anchorsOf('# A b\n## A b\n```\n# no\n```\n### `x_y`, z-1 #\n')], ['a-b', 'a-b-1', 'x_y-z-1']);
  });

  test('every link of every page leads somewhere', () => {
    assert.ok(pages.length > 8 && pages.some(({ text }) => text.includes('](')), 'there are pages and links');
    assert.deepEqual(findAll(pages, linkFindings), []);
  });
});
