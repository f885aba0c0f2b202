import { InvalidArgumentError, Option } from 'commander';
import { defaultHomeDirectory, homeAt } from '../home.ts';
import { tell } from './ask.ts';
import { parseDuration } from './figures.ts';
import type { Common, Shell } from './shell.ts';

/** A look takes about as long. */
const everyMsMin = 1_000;

/** The commands about this host and its agent. */
export function agentCommands({ program, add, ask, fail }: Shell): void {
  add('status [name]', 'where each desktop is').action(async (name: string | undefined, options: Common) => {
    await ask('status', { name: name ?? null }, options);
  });
  add('audit', 'what the audit log says of this account, proven and compared with what this host knows')
    .option('--receipt <file>', 'check a receipt, without asking anybody')
    .action(async (options: Common & { receipt?: string }) => {
      if (options.receipt === undefined) await ask('audit', {}, options);
      else await checkOffline(options.receipt, options, fail);
    });
  add('doctor', 'what is, and what could be wrong, in the order in which it matters')
    .option('--fix', 'mend what needs no judgement')
    .addOption(new Option('--every <time>', 'look again and again, such as every 30s, and tell what has changed, until Ctrl-C').argParser(everyTime))
    .action(async (options: Common & { fix?: boolean; every?: number }) => {
      const fix = options.fix === true;
      if (options.every === undefined) await ask('doctor', { fix }, options);
      else await (await import('./doctor-watch.ts')).watchDoctor(options.every, fix, options);
    });
  program.command('agent').description('run the agent of this host in the foreground').action(async () => {
    try {
      // Only an agent needs all of itself, and its log says where things went wrong.
      process.setSourceMapsEnabled(true);
      const { runAgent } = await import('../daemon/agent.ts');
      await runAgent(homeAt(defaultHomeDirectory(process.env)));
    } catch (error) {
      fail(error, {});
    }
  });
}

function everyTime(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < everyMsMin) throw new InvalidArgumentError('a time of at least 1s, such as 30s, 5m or 1h.');
  return ms;
}

async function checkOffline(file: string, options: Common, fail: Shell['fail']): Promise<void> {
  try {
    const { checkReceiptFile, receiptText } = await import('./audit.ts');
    const found = await checkReceiptFile(file, homeAt(defaultHomeDirectory(process.env)));
    tell(options.json === true ? JSON.stringify(found) : receiptText(found));
  } catch (error) {
    fail(error, options);
  }
}
