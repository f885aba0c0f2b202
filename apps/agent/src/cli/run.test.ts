import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { exitCodeOf, exitCodes } from './exit-code.ts';
import { flagsOf } from './misuse.ts';
import { buildProgram } from './program.ts';
import { obey } from './run.ts';

const asked: string[] = [];
/** A new table for each line: commander keeps the options of the last one. */
const table = () => buildProgram({ ask: (command) => (asked.push(command), Promise.resolve(undefined)), fail: (error) => assert.fail(error as Error) });
const names = table().commands.map((command) => command.name());
const flagsByName = new Map(table().commands.map((command) => [command.name(), flagsOf(command)]));

/** What a line is refused with; it asks nobody. */
async function refusalOf(...words: string[]): Promise<{ message: string; hint: string }> {
  asked.length = 0;
  const refusal = await obey(table(), words);
  assert.ok(refusal !== undefined, `godwit ${words.join(' ')} was taken`);
  assert.equal(exitCodeOf(refusal), exitCodes.usage);
  assert.deepEqual(asked, []);
  return refusal;
}

describe('a line that is not understood', () => {
  test('ends with exit code 2, asks nobody, and its hint can be typed, whatever the word', async () => {
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[a-z][a-z-]{0,11}$/).filter((word) => !names.includes(word) && word !== 'help'), async (word) => {
        const { message, hint } = await refusalOf(word);
        assert.ok(message.includes(`unknown command '${word}'`), message);
        const [, said, suggested] = /`(godwit (\S+)[^`]*)`/.exec(hint) ?? [];
        assert.ok(said !== undefined && (suggested === '--help' || names.includes(suggested!)), hint);
      }),
    );
  });

  test('with two letters of a command swapped, one left out or one too many, names a command that is as near', async () => {
    for (const name of names.filter((each) => each.length > 4)) {
      for (const typed of [`${name[1]}${name[0]}${name.slice(2)}`, name.slice(0, -2) + name.slice(-1), `${name.slice(0, 2)}x${name.slice(2)}`]) {
        if (names.includes(typed) || typed === name) continue;
        const { hint } = await refusalOf(typed, 'work');
        const near = names.filter((each) => each.startsWith(typed) || each === name).map((each) => `did you mean \`godwit ${each}\`?`);
        assert.ok(near.includes(hint), `${typed}: ${hint}`);
      }
    }
  });

  test('the nearest is meant, not the first', async () => assert.equal((await refusalOf('stauts')).hint, 'did you mean `godwit status`?'));

  test('with a flag that its command does not have names the one that it has', async () => {
    let looked = 0;
    for (const [name, flags] of flagsByName) {
      for (const flag of flags.filter((each) => each.length > 6)) {
        const typed = `${flag.slice(0, -2)}${flag.at(-1)!}`;
        if (flags.includes(typed)) continue;
        const { hint } = await refusalOf(name, typed);
        assert.ok(flags.some((each) => hint === `did you mean \`godwit ${name} ${each}\`?`), `${name} ${typed}: ${hint}`);
        looked += 1;
      }
    }
    assert.ok(looked > 20);
  });

  test('with a word too few or too many shows how it is used', async () => {
    assert.equal((await refusalOf('suspend')).hint, 'it is used like this: godwit suspend [options] <name>');
    assert.equal((await refusalOf('suspend', 'work', 'play')).hint, 'it is used like this: godwit suspend [options] <name>');
  });

  test('with a value that cannot be says which', async () => {
    assert.match((await refusalOf('create', 'work', '--memory', 'much')).message, /'much' is invalid.*a size such as 512M or 4G/);
    assert.match((await refusalOf('wait', 'work', '--for', 'godot')).message, /Allowed choices are running, resumed, safe/);
  });
});

describe('a line that is understood', () => {
  test('asks, with and without --json', async () => {
    asked.length = 0;
    for (const words of [['suspend', 'work'], ['suspend', 'work', '--json'], ['status'], ['status', 'work', '--json'], ['doctor']]) assert.equal(await obey(table(), words), undefined);
    assert.deepEqual(asked, ['suspend', 'suspend', 'status', 'status', 'doctor']);
  });

  test('every command that answers people answers programs too', () => {
    const without = [...flagsByName].filter(([, flags]) => !flags.includes('--json')).map(([name]) => name);
    // Metrics are for a program in any case.
    assert.deepEqual(without, ['agent', 'metrics', 'completion', 'schema']);
  });
});
