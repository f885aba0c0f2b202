import { defaultHomeDirectory, homeAt } from '../home.ts';
import { tell } from './ask.ts';
import type { Common, Shell } from './shell.ts';

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
    .action(async (options: Common & { fix?: boolean }) => {
      await ask('doctor', { fix: options.fix === true }, options);
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

async function checkOffline(file: string, options: Common, fail: Shell['fail']): Promise<void> {
  try {
    const { checkReceiptFile, receiptText } = await import('./audit.ts');
    const found = await checkReceiptFile(file, homeAt(defaultHomeDirectory(process.env)));
    tell(options.json === true ? JSON.stringify(found) : receiptText(found));
  } catch (error) {
    fail(error, options);
  }
}
