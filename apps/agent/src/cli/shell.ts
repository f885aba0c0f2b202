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

/** Shows what would happen, then does it if the person says so: with --yes, or at the terminal. Without either it stays undone, which is a failure. */
export async function askFirst(options: Common & { readonly yes?: boolean }, run: (confirmed: boolean) => Promise<unknown>): Promise<void> {
  if (options.yes === true) {
    await run(true);
    return;
  }
  if ((await run(false)) === undefined) return;
  const terminal = process.stdin.isTTY && process.stdout.isTTY && options.json !== true;
  if (terminal && (await agrees())) await run(true);
  else process.exitCode = exitCodes.failed;
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
