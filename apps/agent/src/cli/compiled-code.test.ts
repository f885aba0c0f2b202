import { deepEqual, equal, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { folderForCode } from './compiled-code.ts';

describe('where compiled code is kept', () => {
  let home: string;
  beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'godwit-code-'))));
  afterEach(() => rmSync(home, { recursive: true }));

  test('in a folder of the home that belongs to its user alone, and Node puts there what it compiled', () => {
    const folder = folderForCode(home);
    equal(folder, join(home, '.cache/godwit/compiled'));
    equal(statSync(folder).mode & 0o777, 0o700);
    equal(folderForCode(home), folder);
    const program = `import { enableCompileCache } from 'node:module'; enableCompileCache(${JSON.stringify(folder)}); await import('commander');`;
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: import.meta.dirname, env: {} });
    ok(readdirSync(folder, { recursive: true, withFileTypes: true }).some((entry) => entry.isFile()));
  });

  test('nowhere, where others may write, or there is no home', () => {
    chmodSync(home, 0o777);
    equal(folderForCode(home), undefined);
    deepEqual(readdirSync(home), []);
    chmodSync(home, 0o700);
    mkdirSync(join(home, '.cache/godwit/compiled'), { recursive: true });
    chmodSync(join(home, '.cache/godwit/compiled'), 0o770);
    equal(folderForCode(home), undefined);
    equal(folderForCode(join(home, 'none')), undefined);
    ok(!existsSync(join(home, 'none')));
    equal(folderForCode(undefined), undefined);
  });
});
