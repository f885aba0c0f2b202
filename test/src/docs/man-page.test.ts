import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { exitCodes, manExamples } from '@godwit/agent';
import { root } from '../tidy/sources.ts';
import { manPageNow, manPath, tableOfCommands } from './man-page.ts';

const page = readFileSync(join(root, manPath), 'utf8');
const missing = (program: string): string | false => (spawnSync(program, ['--version']).error === undefined ? false : `because ${program} is not installed`);

describe('the man page', () => {
  test(`${manPath} is what the table of commands says (write it with: node test/dist/docs/write-man-page.js)`, () => assert.equal(page, manPageNow()));

  test('has every command with every option, and every exit code', () => {
    const plain = page.replaceAll('\\-', '-');
    for (const command of tableOfCommands().commands) {
      const section = plain.split(`.SS "godwit ${command.name()}`)[1]?.split('\n.S')[0] ?? '';
      assert.notEqual(section, '', command.name());
      for (const { long } of command.options) assert.ok(section.includes(`${long}`), `${command.name()} ${long}`);
    }
    for (const code of Object.values(exitCodes)) assert.ok(page.includes(`\n.B ${code}\n`), String(code));
  });

  test('every example is taken as it stands', async () => {
    for (const [line] of manExamples) {
      const words = line.split(' ').slice(1);
      if (words.length === 0) continue;
      const program = tableOfCommands();
      for (const command of [program, ...program.commands]) command.exitOverride().configureOutput({ outputError: () => undefined });
      const name = words[0]!;
      if (name === 'completion') assert.ok(program.commands.some((command) => command.name() === name));
      else await assert.doesNotReject(program.parseAsync(words, { from: 'user' }), line);
    }
  });

  test('groff formats it without a warning', { skip: missing('groff') }, () => {
    const { status, stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z', join(root, manPath)], { encoding: 'utf8' });
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
  });

  test('mandoc finds nothing wrong', { skip: missing('mandoc') }, () => {
    // The date is left out, so that writing the page again changes nothing.
    const { stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', join(root, manPath)], { encoding: 'utf8' });
    assert.deepEqual([stdout, stderr].join('').split('\n').filter((line) => line !== '' && !line.includes('missing date')), []);
  });
});
