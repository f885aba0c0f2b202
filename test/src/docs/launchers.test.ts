import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root } from '../tidy/sources.ts';
import { binDirectory, run } from './programs.ts';

const launchers = ['godwit', 'godwit-coordinator'] as const;

let scratch: string;
before(() => (scratch = mkdtempSync(join(tmpdir(), 'godwit launchers-'))));
after(() => rmSync(scratch, { recursive: true }));

describe('launchers', () => {
  for (const name of launchers) {
    test(`${name} runs on the Node of the checkout, through links, whatever the system has`, async () => {
      const old = join(scratch, `old-${name}`);
      mkdirSync(old);
      writeFileSync(join(old, 'node'), '#!/bin/sh\necho "SyntaxError: Unexpected token" >&2\nexit 1\n');
      chmodSync(join(old, 'node'), 0o755);
      symlinkSync(join(binDirectory, name), join(old, 'direct'));
      symlinkSync('direct', join(old, name));
      const { exitCode, stdout, stderr } = await run(join(old, name), ['--help'], { environment: { PATH: [old, '/usr/bin', '/bin'].join(delimiter) }, directory: scratch });
      assert.equal(exitCode, 0, stderr);
      assert.match(stdout, new RegExp(`^usage: ${name} `, 'i'));
    });

    test(`${name} hands on words and exit codes as they are`, async () => {
      const { exitCode, stderr } = await run(join(binDirectory, name), ['two words', '--no such flag']);
      assert.notEqual(exitCode, 0);
      assert.match(stderr, /two words|--no such flag/);
    });

    test(`${name} in a checkout that is not set up says what to type`, async () => {
      const bare = join(scratch, `bare-${name}`);
      mkdirSync(join(bare, 'bin'), { recursive: true });
      copyFileSync(join(binDirectory, name), join(bare, 'bin', name));
      const { exitCode, stdout, stderr } = await run(join(bare, 'bin', name), ['status']);
      assert.deepEqual([exitCode, stdout], [1, '']);
      assert.equal(stderr, `${name}: this checkout is not set up yet. Type: cd '${bare}' && npm run setup\n`);
      const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
      assert.ok(scripts['setup'] !== undefined);
    });
  }
});
