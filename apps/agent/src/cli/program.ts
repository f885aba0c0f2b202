import { Command } from 'commander';
import { accountCommands } from './account-commands.ts';
import { agentCommands } from './agent-commands.ts';
import { bugReportCommand } from './bug-report-command.ts';
import { cacheCommand } from './cache-command.ts';
import { desktopCommands } from './desktop-commands.ts';
import { metricsCommand } from './metrics-command.ts';
import { moveCommands } from './move-commands.ts';
import { ownerCommands } from './owner-commands.ts';
import { pastCommands } from './past-commands.ts';
import { protectCommands } from './protect-commands.ts';
import { selfCommands } from './self-commands.ts';
import type { Shell } from './shell.ts';
import { viewCommand } from './view-command.ts';
import { waitCommand } from './wait-command.ts';
import { wordsCommand } from './words-command.ts';

export const version = '0.1.0';

/** Variables that change what the command does: name and meaning, as help and man page show them. */
export const environmentVariables = [
  ['GODWIT_HOME', 'the home of the agent that runs or is asked (as root /var/lib/godwit, else ~/.local/share/godwit)'],
  ['GODWIT_COORDINATOR', 'the default of --coordinator'],
  ['GODWIT_PLAIN', 'set: nothing is redrawn and nothing coloured, one line per event'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'set: traces of what is done are sent there, by OpenTelemetry over HTTP'],
  ['NO_COLOR, CLICOLOR, CLICOLOR_FORCE', 'whether there are colours; without them a terminal gets some'],
] as const;

/** All commands of `godwit` in one table: the parser, the help, the completion and the man page read it. */
export function buildProgram({ ask, fail }: Pick<Shell, 'ask' | 'fail'>): Command {
  const program = new Command('godwit').enablePositionalOptions().description('Your running desktop follows you: suspend here, resume there').version(version).option('--json', 'without a command: where each desktop is and what to type next, as JSON').addHelpText('after', environmentHelp());
  const add: Shell['add'] = (usage, description) => program.command(usage).description(description).option('--json', 'print the result as JSON');
  const shell: Shell = { program, add, ask, fail };
  accountCommands(shell);
  desktopCommands(shell);
  protectCommands(shell);
  pastCommands(shell);
  ownerCommands(shell);
  waitCommand(shell);
  moveCommands(shell);
  cacheCommand(shell);
  agentCommands(shell);
  metricsCommand(shell);
  viewCommand(shell);
  bugReportCommand(shell);
  wordsCommand(shell);
  selfCommands(shell);
  return program;
}

function environmentHelp(): string {
  const width = Math.max(...environmentVariables.map(([name]) => name.length));
  return ['', 'What desktop, host, checkpoint, lease and the other words mean: godwit words', '', 'Environment:', ...environmentVariables.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`)].join('\n');
}
