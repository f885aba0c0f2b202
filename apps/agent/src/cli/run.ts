import { CommanderError, type Command } from 'commander';
import { ask, fail } from './ask.ts';
import { exitCodes } from './exit-code.ts';
import { misuse } from './misuse.ts';
import { buildProgram } from './program.ts';

/** Runs one line of the `godwit` command: each command is one question to the agent of GODWIT_HOME, `agent` is that agent. */
export async function run(words: readonly string[]): Promise<void> {
  const program = buildProgram({ ask, fail });
  let refusing = program;
  for (const command of [program, ...program.commands]) refuseQuietly(command, () => (refusing = command));
  try {
    await program.parseAsync(words.length === 0 ? ['status'] : words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) process.exitCode = exitCodes.done;
    else fail(misuse(error, refusing), { json: words.includes('--json') });
  }
}

/** Commander says what it refuses by throwing, and nothing by itself. */
function refuseQuietly(command: Command, remember: () => void): void {
  command.configureOutput({ outputError: () => undefined }).exitOverride((error) => {
    remember();
    throw error;
  });
}
