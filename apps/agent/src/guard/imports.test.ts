import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

/** All that `file` and the files of this workspace behind it import from elsewhere, as the built files say. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const found = new Set<string>();
  if (seen.has(file)) return found;
  seen.add(file);
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/^(?:import|export) .*?['"]([^'"]+)['"];$/gm)) {
    if (!name!.startsWith('.')) found.add(name!);
    else for (const behind of packagesOf(resolve(file, '..', name!), seen)) found.add(behind);
  }
  return found;
}

test('the guard loads little: zod and the schemas of libs/wire would cost it twice its memory and its start', () => {
  const packages = [...packagesOf(join(import.meta.dirname, 'main.js'))].filter((name) => !name.startsWith('node:'));
  assert.deepEqual(packages.sort(), ['@godwit/base', '@godwit/qemu']);
});
