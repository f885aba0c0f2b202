import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pageOrigins } from './page-origins.ts';

test('pages of an image are as they were, from elsewhere, or new; zero pages count nowhere', () => {
  const directory = mkdtempSync(join(tmpdir(), 'godwit-o-'));
  const write = (name: string, pages: string): string => {
    writeFileSync(join(directory, name), Buffer.concat(Array.from(pages, (letter) => Buffer.alloc(4096, letter === '.' ? 0 : letter))));
    return join(directory, name);
  };
  try {
    assert.deepEqual(pageOrigins(write('newer', 'a.ccabx'), write('older', 'ab.cdc.')), { pages: 6, same: 2, moved: 3 });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
