import { Option } from 'commander';
import type { OfflineMode } from '@godwit/wire';
import { askFirst, losing, type Losing, type Shell } from './shell.ts';

/** The commands about who owns a desktop. */

interface TakeOver extends Losing {
  readonly withoutAsking?: boolean;
  readonly eager?: boolean;
}

interface Policy {
  readonly json?: boolean;
  readonly offline?: OfflineMode;
}

export function ownerCommands({ add, ask }: Shell): void {
  losing(add('takeover <name>', 'go on with a desktop here that another host holds: suspended there if that host is in reach, else from its last checkpoint'))
    .option('--without-asking', 'take it even if its holder is in reach, and do not wait for it to suspend')
    .option('--eager', 'fetch everything before it runs')
    .action((name: string, options: TakeOver) => {
      const wish = { name, withoutAsking: options.withoutAsking === true, eager: options.eager === true };
      return askFirst(options, async (confirmed) => ask('takeover', { ...wish, confirmed }, options));
    });
  add('policy <name>', 'what becomes of a desktop without word from the coordinator')
    .addOption(new Option('--offline <mode>', 'from now on it runs on (keep), or stops within 30 s (stop)').choices(['keep', 'stop']))
    .action(async (name: string, options: Policy) => {
      await ask('policy', { name, offline: options.offline ?? null }, options);
    });
}
