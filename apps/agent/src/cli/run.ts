import { CommanderError, type Command } from 'commander';
import type { Fault } from '@godwit/base';
import { ask, fail } from './ask.ts';
import { misuse } from './misuse.ts';
import { buildProgram } from './program.ts';
import { tellWhereabouts } from './whereabouts.ts';

/** Runs one line of the `godwit` command: each command is one question to the agent of GODWIT_HOME, `agent` is that agent. */
export async function run(words: readonly string[]): Promise<void> {
  if (words.every((word) => word === '--json')) {
    await tellWhereabouts({ json: words.length > 0 });
    return;
  }
  const refusal = await obey(buildProgram({ ask, fail }), words);
  if (refusal !== undefined) fail(refusal, { json: words.includes('--json') });
}

/** Lets `program` do what `words` say; what it does not understand is a fault. */
export async function obey(program: Command, words: readonly string[]): Promise<Fault | undefined> {
  let refusing = program;
  for (const command of [program, ...program.commands]) refuseQuietly(command, () => (refusing = command));
  try {
    await program.parseAsync(words, { from: 'user' });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? undefined : misuse(error, refusing);
  }
}

/** Commander says what it refuses by throwing, and nothing by itself. */
function refuseQuietly(command: Command, remember: () => void): void {
  command.configureOutput({ outputError: () => undefined }).exitOverride((error) => {
    remember();
    throw error;
  });
}
