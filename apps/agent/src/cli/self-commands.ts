import { Argument } from 'commander';
import { commandLineSchema } from '@godwit/wire';
import { tell } from './ask.ts';
import { completionFor, shells, type ShellName } from './completion.ts';
import type { Shell } from './shell.ts';

/** The commands about the command line itself: they ask nobody. */
export function selfCommands({ program }: Shell): void {
  program
    .command('completion')
    .description('what your shell needs to complete commands, flags and names; see `man godwit` for where it goes')
    .addArgument(new Argument('<shell>', 'your shell').choices([...shells]))
    .action((shell: ShellName) => tell(completionFor(shell, program).trimEnd()));
  program
    .command('schema')
    .description('the JSON schema of what every command prints with --json')
    .action(() => tell(JSON.stringify(commandLineSchema(), null, 2)));
}
