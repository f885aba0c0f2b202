#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { resolve } from 'node:path';
import { Fault, printable } from '@godwit/base';
import type { ControlArguments, ControlCommand, ControlResult, OfflineMode } from '@godwit/wire';
import { askAgent } from '../daemon/control-client.ts';
import { runAgent } from '../daemon/agent.ts';
import { defaultHomeDirectory, homeAt } from '../home.ts';
import { accountCommands } from './account-commands.ts';
import { answers } from './answers.ts';
import { checkReceiptFile, receiptText } from './audit.ts';
import { cacheCommand } from './cache-command.ts';
import { exitCodeOf, exitCodes } from './exit-code.ts';
import { parseBytes } from './figures.ts';
import { Interrupt } from './interrupt.ts';
import { ownerCommands } from './owner-commands.ts';
import { askFirst, pastCommands } from './past-commands.ts';
import { protectCommands } from './protect-commands.ts';
import { ProgressLine } from './progress-line.ts';

/** The `godwit` command: each subcommand is one question to the agent of GODWIT_HOME, `agent` is that agent. */

interface CommonOptions {
  readonly json?: boolean;
}

const environmentHelp = `
Environment:
  GODWIT_HOME               the home of the agent that runs or is asked (as root /var/lib/godwit, else ~/.local/share/godwit)
  GODWIT_COORDINATOR        the default of --coordinator`;
const defaultMemoryBytes = 4 * 2 ** 30;

function size(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined) throw new InvalidArgumentError('a size such as 512M or 4G.');
  return bytes;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number.');
  return Number(text);
}

async function ask<Name extends ControlCommand>(command: Name, args: ControlArguments<Name>, options: CommonOptions): Promise<void> {
  await tell(command, args, options);
}

/** Asks, and prints the answer unless told not to; undefined when it was a fault, which was printed. */
async function tell<Name extends ControlCommand>(command: Name, args: ControlArguments<Name>, options: CommonOptions, print = true): Promise<ControlResult<Name> | undefined> {
  const line = new ProgressLine(process.stderr, options.json === true);
  using interrupt = new Interrupt(command, line);
  try {
    const result = await askAgent(homeAt(defaultHomeDirectory(process.env)).controlSocket, command, args, (progress) => line.show(progress), interrupt.thoughts);
    line.clear();
    if (print) process.stdout.write(`${options.json === true ? JSON.stringify(result) : answers[command](result)}\n`);
    if ('verdict' in result) process.exitCode = { good: 0, degraded: 1, bad: 2 }[result.verdict];
    if ('good' in result && !result.good) process.exitCode = exitCodes.failed;
    if ('safe' in result && !result.safe) process.exitCode = exitCodes.partlyDone;
    return result;
  } catch (error) {
    line.clear();
    fail(error, options);
    return undefined;
  }
}

async function checkOffline(file: string, options: CommonOptions): Promise<void> {
  try {
    const found = await checkReceiptFile(file, homeAt(defaultHomeDirectory(process.env)));
    process.stdout.write(`${options.json === true ? JSON.stringify(found) : receiptText(found)}\n`);
  } catch (error) {
    fail(error, options);
  }
}

/** One clear error: for people on stderr, with `--json` as the only line of stdout too. Never a stack trace. */
function fail(error: unknown, options: CommonOptions): void {
  const fault = Fault.from(error);
  if (options.json === true) process.stdout.write(`${JSON.stringify({ error: fault.toJSON() })}\n`);
  // Their own wish is no error: what stays is what they want to know.
  else if (fault.code === 'CANCELLED' && fault.found !== undefined) process.stderr.write(`godwit: ${printable(fault.found)}\n`);
  else process.stderr.write(`godwit: error: ${printable(fault.message)} [${fault.code}]\ngodwit: hint: ${printable(fault.hint)}\n`);
  process.exitCode = exitCodeOf(fault);
}

function build(): Command {
  const program = new Command('godwit').description('Your running desktop follows you: suspend here, resume there').version('0.1.0').showSuggestionAfterError().showHelpAfterError('(see godwit --help)').addHelpText('after', environmentHelp);
  const add = (usage: string, description: string): Command => program.command(usage).description(description).option('--json', 'print the result as JSON');
  accountCommands({ add, ask: tell, fail });
  desktopCommands(add);
  protectCommands({ add, ask: tell, fail });
  pastCommands({ add, ask: tell, fail });
  ownerCommands({ add, ask: tell, fail });
  cacheCommand({ add, ask: tell, fail });
  add('status [name]', 'where each desktop is').action((name: string | undefined, options: CommonOptions) => ask('status', { name: name ?? null }, options));
  add('audit', 'what the audit log says of this account, proven and compared with what this host knows')
    .option('--receipt <file>', 'check a receipt, without asking anybody')
    .action((options: CommonOptions & { receipt?: string }) => (options.receipt === undefined ? ask('audit', {}, options) : checkOffline(options.receipt, options)));
  add('doctor', 'what is, and what could be wrong').action((options: CommonOptions) => ask('doctor', {}, options));
  program.command('agent').description('run the agent of this host in the foreground').action(async () => {
    try {
      await runAgent(homeAt(defaultHomeDirectory(process.env)));
    } catch (error) {
      fail(error, {});
    }
  });
  return program;
}

interface Resume extends CommonOptions {
  readonly eager?: boolean;
  readonly wait?: boolean;
  readonly discard?: boolean;
  readonly yes?: boolean;
}

async function resume(name: string, options: Resume): Promise<void> {
  const goOn = (): Promise<ControlResult<'resume'> | undefined> => tell('resume', { name, eager: options.eager === true, wait: options.wait === true }, options);
  if (options.discard !== true) {
    await goOn();
    return;
  }
  await askFirst(options, async (confirmed) => {
    // With --json one document is all there is: what was given up, or what runs instead.
    const givenUp = await tell('discard', { name, confirmed }, options, !confirmed || options.json !== true);
    return givenUp === undefined || !confirmed ? givenUp : goOn();
  });
}

type Add = (usage: string, description: string) => Command;

function desktopCommands(add: Add): void {
  interface Create extends CommonOptions {
    readonly image?: string;
    readonly memory: number;
    readonly disk?: number;
    readonly cpus: number;
    readonly offline: OfflineMode;
  }
  add('create <name>', 'make a desktop on this host')
    .option('--image <file>', 'the disk image it starts from')
    .addOption(new Option('--memory <size>', 'its memory').argParser(size).default(defaultMemoryBytes, '4G'))
    .option('--disk <size>', 'its disk; the size of the image unless given', size)
    .option('--cpus <count>', 'its processors', wholeNumber, 2)
    .addOption(new Option('--offline <mode>', 'without word from the coordinator it runs on (keep), or stops within 30 s (stop)').choices(['keep', 'stop']).default('keep'))
    .action((name: string, options: Create) =>
      ask('create', { name, image: options.image === undefined ? null : resolve(options.image), memoryBytes: options.memory, diskBytes: options.disk ?? null, cpus: options.cpus, offline: options.offline }, options),
    );
  add('start <name>', 'switch a desktop on').action((name: string, options: CommonOptions) => ask('start', { name }, options));
  add('suspend <name>', 'put a running desktop safely into the store; Ctrl-C rolls it back')
    .option('--limit <rate>', 'take at most this much of the line: bytes a second such as 512K or 2M', size)
    .action((name: string, options: CommonOptions & { limit?: number }) => ask('suspend', { name, limitBytesPerSecond: options.limit }, options));
  add('resume <name>', 'go on with a suspended desktop here; Ctrl-C before it runs rolls it back')
    .option('--eager', 'fetch everything before it runs')
    .option('--wait', 'return only when everything has been fetched')
    .option('--discard', 'give up what this host has of it since its last checkpoint, and go on from that')
    .option('--yes', 'with --discard: do it without asking')
    .action(resume);
  add('stop <name>', 'shut a desktop down')
    .option('--force', 'switch it off without asking the guest')
    .action((name: string, options: CommonOptions & { force?: boolean }) => ask('stop', { name, force: options.force === true }, options));
  add('history <name>', 'the checkpoints of a desktop').action((name: string, options: CommonOptions) => ask('history', { name }, options));
  add('verify <name>', 'check a whole desktop in the store')
    .option('--data', 'read and open every page too')
    .action((name: string, options: CommonOptions & { data?: boolean }) => ask('verify', { name, data: options.data === true }, options));
  add('console <name>', "what the guest wrote on its serial line")
    .option('--lines <count>', 'how many lines', wholeNumber, 40)
    .action((name: string, options: CommonOptions & { lines: number }) => ask('console', { name, lines: options.lines }, options));
}

const program = build().exitOverride();
program.commands.forEach((command) => command.exitOverride());
try {
  if (process.argv.length <= 2) await program.parseAsync([...process.argv, 'status']);
  else await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  // People have read it on stderr; whoever asked for JSON gets that, and nothing else, on stdout.
  if (error.exitCode !== 0 && process.argv.includes('--json')) {
    const fault = new Fault('ARGUMENT_INVALID', { found: error.message.replace(/^error: /, '') });
    process.stdout.write(`${JSON.stringify({ error: fault.toJSON() })}\n`);
  }
}
