import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { filesMatching } from '../tidy/sources.ts';
import { binDirectory, run } from './programs.ts';
import { flagsOf, flagsOfHelp, typedCommands, type TypedCommand } from './typed.ts';

const pages = filesMatching(/^README\.md$|^(docs|infra)\/(?!decisions\/).*\.md$/);
const commands = pages.flatMap(typedCommands);
const ours = commands.filter(({ program }) => program === 'godwit');
const usageExit = 2;
const unreachableExit = 69;

let emptyHome: string;
before(() => (emptyHome = mkdtempSync(join(tmpdir(), 'godwit-docs-'))));
after(() => rmSync(emptyHome, { recursive: true }));

/** `godwit` with a home where no agent runs: whatever its parser takes ends as AGENT_UNREACHABLE, and nothing is changed. */
const godwit = (words: readonly string[]) => run(join(binDirectory, 'godwit'), words, { environment: { GODWIT_HOME: emptyHome } });

const helps = new Map<string, Promise<Set<string>>>();
function flagsKnown({ program, words }: TypedCommand): Promise<Set<string>> {
  const subcommand = words[0] !== undefined && /^[a-z]/.test(words[0]) ? words[0] : undefined;
  const key = program === 'godwit' ? (subcommand ?? '') : program;
  const known = helps.get(key) ?? run(join(binDirectory, program), program === 'godwit' && subcommand !== undefined ? [subcommand, '--help'] : ['--help']).then(({ stdout }) => flagsOfHelp(stdout));
  helps.set(key, known);
  return known;
}

// Two at a time: each waits for a program to start.
describe('commands in prose', { concurrency: 2 }, () => {
  test('are found where they stand', () => {
    const text = 'Say `godwit resume --eager NAME`, godwit flies.\n```sh\ngodwit start work   # now\ncd x && godwit stop work\n```\n```\n$ godwit status | less\nwork runs here\ngodwit: error: no\n```\n`godwit-coordinator --data DIR` and `godwit suspend`';
    assert.deepEqual(
      typedCommands({ path: 'a', text }).map(({ place, program, words, whole }) => [place, program, words.join(' '), whole]),
      [['a:1', 'godwit', 'resume --eager NAME', false], ['a:3', 'godwit', 'start work', true], ['a:7', 'godwit', 'status', true], ['a:11', 'godwit-coordinator', '--data DIR', false], ['a:11', 'godwit', 'suspend', false]],
    );
    assert.deepEqual(flagsOf(['resume', '--eager', 'x', '--lines=3', '-h']), ['--eager', '--lines']);
    assert.deepEqual([...flagsOfHelp('usage: x [--data DIR]\n  -h, --help  see\n  --log LEVEL  not a-flag\n')], ['--data', '--help', '--log']);
  });

  test('a command line that the parser refuses would be seen', async () => {
    for (const words of [['frobnicate'], ['resume'], ['resume', 'work', '--slowly'], ['create', 'work', '--memory', 'much'], ['start', 'a', 'b']]) {
      assert.equal((await godwit(words)).exitCode, usageExit, words.join(' '));
    }
  });

  // An agent would begin, and figures are written where prose says, with or without an agent: test/src/services/observe.test.ts types these.
  const alone = new Set(['agent', 'metrics']);
  const whole = new Map(ours.filter((command) => command.whole && !alone.has(command.words[0] ?? '')).map((command) => [command.words.join(' '), command]));
  test('the README has some', () => assert.ok([...whole.values()].filter(({ place }) => place.startsWith('README')).length > 10));
  for (const [line, { place, words }] of whole) {
    test(`${place}: godwit ${line}`, async () => {
      const { exitCode, stderr } = await godwit(words);
      assert.equal(exitCode, words[0]?.startsWith('-') ? 0 : unreachableExit, stderr);
    });
  }

  test('every flag that is named is one of its command', async () => {
    const unknown: string[] = [];
    const naming = commands.filter(({ words }) => flagsOf(words).length > 0);
    assert.ok(naming.length > 10);
    for (const command of naming) {
      const known = await flagsKnown(command);
      // `--help` itself is known by having answered.
      for (const flag of flagsOf(command.words)) if (flag !== '--help' && !known.has(flag)) unknown.push(`${command.place} ${command.program} ${command.words.join(' ')}: ${flag}`);
    }
    assert.deepEqual(unknown, []);
  });

  test('the coordinator takes its lines', async () => {
    const lines = commands.filter(({ program, whole: typed }) => program === 'godwit-coordinator' && typed);
    assert.ok(lines.length > 0);
    const coordinator = (words: readonly string[]) => run(join(binDirectory, 'godwit-coordinator'), [...words, '--help']);
    for (const { place, words } of lines) assert.equal((await coordinator(words)).exitCode, 0, place);
    assert.equal((await coordinator(['--listen', 'nowhere'])).exitCode, 1);
  });
});
