import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { ControlArguments, ControlCommand, ControlResult } from '@godwit/wire';
import { exitCodes } from './exit-code.ts';

/** Options of every command. */
export interface Common {
  readonly json?: boolean;
}

/** What the command line gives its commands. */
export interface Shell {
  /** The table of all commands. */
  readonly program: Command;
  /** One more command, with `--json`. */
  readonly add: (usage: string, description: string) => Command;
  /** Asks the agent and prints what it says, unless `print` is false. Undefined: it refused, and that was said. */
  readonly ask: <Name extends ControlCommand>(command: Name, args: ControlArguments<Name>, options: Common, print?: boolean) => Promise<ControlResult<Name> | undefined>;
  readonly fail: (error: unknown, options: Common) => void;
}

/** Options of every command that gives something up. */
export interface Losing extends Common {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** The same two for all of them. */
export function losing(command: Command): Command {
  return command.option('--dry-run', 'only say what would be given up').option('--yes', 'do it without asking');
}

/**
 * Shows in numbers what would be given up, then does it if the person says so: with --yes, or at the terminal. Without either it stays undone: the
 * command line is not whole (exit code 2).
 */
export async function askFirst(options: Losing, run: (confirmed: boolean) => Promise<unknown>): Promise<void> {
  if (options.yes === true && options.dryRun !== true) {
    await run(true);
    return;
  }
  if ((await run(false)) === undefined || options.dryRun === true) return;
  if (!isTerminal(options)) {
    process.stderr.write('godwit: nothing was changed: nobody is here to ask; --yes does it, --dry-run only tells\n');
    process.exitCode = exitCodes.usage;
  } else if (await agrees('Do it?')) await run(true);
  else process.exitCode = exitCodes.failed;
}

/** Somebody can be asked. */
export function isTerminal(options: Common): boolean {
  return process.stdin.isTTY && process.stdout.isTTY && options.json !== true;
}

/** Asks at the terminal; anything but yes is a no. */
export async function agrees(question = 'Do it?'): Promise<boolean> {
  const line = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await line.question(`${question} [y/N] `)).trim());
  } finally {
    line.close();
  }
}
