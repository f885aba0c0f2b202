import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { completionFor, shells, type ShellName } from './completion.ts';
import { buildProgram } from './program.ts';

const program = buildProgram({ ask: () => Promise.resolve(undefined), fail: () => undefined });
const missing = (shell: string): string | false => (spawnSync(shell, ['--version']).error === undefined ? false : `because ${shell} is not installed`);

describe('completion', () => {
  let directory: string;
  let environment: NodeJS.ProcessEnv;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'godwit-comp-'));
    // What the shell asks for names; the agent is asked in complete-names.test.ts.
    writeFileSync(join(directory, 'godwit'), '#!/bin/sh\n[ "$1" = complete-names ] || exit 1\ncase $2 in desktops) echo work; echo play ;; hosts) echo laptop-a ;; esac\n');
    chmodSync(join(directory, 'godwit'), 0o755);
    for (const shell of shells) writeFileSync(join(directory, `completion.${shell}`), completionFor(shell, program));
    environment = { ...process.env, PATH: `${directory}:${process.env['PATH']}` };
  });
  after(() => rmSync(directory, { recursive: true }));

  /** What bash offers for the last of `words`, as it would when Tab is pressed behind it. */
  function inBash(path: string | undefined, ...words: string[]): string[] {
    const script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _godwit; printf "%s\\n" "${COMPREPLY[@]}"';
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script, 'bash', join(directory, 'completion.bash'), 'godwit', ...words], { encoding: 'utf8', env: { ...environment, ...(path === undefined ? {} : { PATH: path }) } });
    assert.equal(stderr, '');
    return stdout.split('\n').filter((line) => line !== '');
  }

  for (const [words, offered] of [
    [['sus'], ['suspend']],
    [['suspend', ''], ['work', 'play']],
    [['suspend', 'w'], ['work']],
    [['suspend', '--json', 'p'], ['play']],
    [['suspend', '--limit', '2M', 'p'], ['play']],
    [['suspend', 'work', ''], []],
    [['suspend', '--li'], ['--limit']],
    [['wait', 'work', '--for', 'r'], ['running', 'resumed']],
    [['revoke', 'l'], ['laptop-a']],
    [['create', 'w'], []],
    [['completion', 'f'], ['fish']],
    [['nonsense', 'w'], []],
  ] as const) test(`bash: godwit ${words.join(' ')} is completed with ${offered.join(', ') || 'nothing'}`, () => assert.deepEqual(inBash(undefined, ...words), offered));

  test('bash: every command and each of its flags is offered', () => {
    assert.deepEqual(inBash(undefined, '').filter((word) => !word.startsWith('-')), program.commands.map((command) => command.name()));
    for (const command of program.commands) assert.deepEqual(inBash(undefined, command.name(), '--'), [...command.options.map(({ long }) => long), '--help']);
  });

  test('bash: without godwit on the PATH commands are completed all the same', () => assert.deepEqual([inBash('/usr/bin:/bin', 'sus'), inBash('/usr/bin:/bin', 'suspend', '')], [['suspend'], []]));

  for (const shell of shells) {
    test(`${shell} can read its script`, { skip: missing(shell) }, () => {
      const { status, stderr } = spawnSync(shell, ['-n', join(directory, `completion.${shell}`)], { encoding: 'utf8' });
      assert.deepEqual([status, stderr], [0, '']);
    });
  }

  test('fish: names and flags are offered', { skip: missing('fish') }, () => {
    const offered = (line: string): string[] => spawnSync('fish', ['--no-config', '-c', `source ${join(directory, 'completion.fish')}; complete -C '${line}'`], { encoding: 'utf8', env: environment }).stdout.split('\n').filter((each) => each !== '').map((each) => each.split('\t')[0]!);
    assert.deepEqual(offered('godwit sus'), ['suspend']);
    assert.deepEqual(offered('godwit suspend ').toSorted(), ['play', 'work']);
    assert.deepEqual(offered('godwit suspend --li'), ['--limit']);
    assert.deepEqual(offered('godwit wait work --for s'), ['safe']);
  });

  test('every script has every command', () => {
    for (const shell of shells satisfies readonly ShellName[]) for (const command of program.commands) assert.ok(completionFor(shell, program).includes(command.name()), `${shell} ${command.name()}`);
  });
});
