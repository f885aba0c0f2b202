import type { Command, CommanderError } from 'commander';
import { Fault } from '@godwit/base';
import { nearest } from '../desktop/find-desktop.ts';

/** What commander refuses in a command line, as a fault that names what may have been meant. Pure. */
export function misuse(error: CommanderError, command: Command): Fault {
  const found = error.message.replace(/^error: /, '').replace(/\n?\(Did you mean .*\)$/, '');
  return new Fault('ARGUMENT_INVALID', { found, hint: hintFor(error, command) });
}

function hintFor({ code, message }: CommanderError, command: Command): string {
  const line = lineOf(command);
  const typed = /'([^']*)'/.exec(message)?.[1] ?? '';
  if (code === 'commander.unknownCommand') return meant(typed, command.commands.map((each) => each.name()), `${line} `) ?? `see \`${line} --help\` for the commands`;
  if (code === 'commander.unknownOption') return meant(typed, flagsOf(command), `${line} `) ?? `see \`${line} --help\` for its options`;
  if (code === 'commander.missingArgument' || code === 'commander.excessArguments') return `it is used like this: ${line} ${command.usage()}`;
  return `see \`${line} --help\``;
}

function meant(typed: string, names: readonly string[], before: string): string | undefined {
  const near = nearest(typed, names);
  return near === undefined ? undefined : `did you mean \`${before}${near}\`?`;
}

/** The long flags that a command takes. */
export function flagsOf(command: Command): string[] {
  return [...command.options.flatMap(({ long }) => long ?? []), '--help'];
}

function lineOf(command: Command): string {
  return command.parent === null ? command.name() : `${lineOf(command.parent)} ${command.name()}`;
}
