import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { keyCanary, newCanaries, wordsCanary } from './canaries.ts';
import { Search } from './search.ts';

describe('the search for canaries', () => {
  const canaries = newCanaries('guest RAM', 40, randomBytes);

  test('finds each one in every form, at any place, and none that is not there', () => {
    const search = new Search(canaries);
    for (const canary of canaries) {
      const [bytes] = canary.spellings;
      for (const lead of [0, 1, 2, 3, 61]) {
        const inside = Buffer.concat([randomBytes(lead), bytes!, randomBytes(7)]);
        for (const text of [inside, ...(['hex', 'base64', 'base64url'] as const).map((encoding) => Buffer.from(inside.toString(encoding))), Buffer.from(inside.toString('hex').toUpperCase())]) {
          assert.deepEqual(search.bytes(text, 'here'), [{ canary, place: 'here' }], `${lead} ${text.toString('latin1')}`);
        }
      }
      const other = Buffer.from(bytes!);
      other[23]! ^= 1;
      assert.deepEqual(search.bytes(other, 'here'), []);
    }
  });

  test('finds what lies across two pieces of a file, in a name, and words however they are joined', () => {
    const directory = mkdtempSync(join(tmpdir(), 'godwit-canary-'));
    try {
      const all = Buffer.alloc(17 * 1024 * 1024);
      for (const [index, { spellings }] of canaries.entries()) spellings[0]!.copy(all, 8 * 1024 * 1024 - 24 * 20 + 24 * index);
      writeFileSync(join(directory, 'large'), all);
      const words = wordsCanary('words', ['abandon', 'ability', 'able', 'about']);
      const named = keyCanary('named', randomBytes(32));
      writeFileSync(join(directory, named.spellings[0]!.toString('hex')), 'abandon ability able about');
      writeFileSync(join(directory, 'json'), JSON.stringify(['abandon', 'ability', 'able', 'about']));
      const search = new Search([...canaries, words, named]);
      assert.equal(search.file(join(directory, 'large')).length, canaries.length);
      const found = search.tree(directory);
      assert.deepEqual([found.filter(({ canary }) => canary === words).length, found.some(({ canary }) => canary === named)], [2, true]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('finds them in what is compressed but not sealed, so that a store without a seal would be found', () => {
    const pages = Buffer.alloc(canaries.length * 4096);
    for (const [index, { spellings }] of canaries.entries()) spellings[0]!.copy(pages, index * 4096 + 100 + index);
    assert.ok(new Search(canaries).bytes(zstdCompressSync(pages), 'frame').length > canaries.length / 2);
  });
});
