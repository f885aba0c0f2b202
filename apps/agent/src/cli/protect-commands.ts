import { InvalidArgumentError, Option } from 'commander';
import { parseDuration } from './figures.ts';
import type { Shell } from './shell.ts';

/** The commands about checkpoints of a desktop that goes on running. */

interface Protect {
  readonly json?: boolean;
  readonly every?: number;
  readonly off?: boolean;
}

const everyMsMin = 10_000;
const everyMsMax = 7 * 86_400_000;

/** `30s`, `5m`, `1h`: milliseconds. Throws what commander shows. */
function interval(text: string): number {
  const ms = parseDuration(text) ?? 0;
  if (ms < everyMsMin || ms > everyMsMax) throw new InvalidArgumentError('a time from 10s to 168h, such as 5m.');
  return ms;
}

export function protectCommands({ add, ask }: Shell): void {
  add('checkpoint <name>', 'put a checkpoint of a running desktop into the store, while it runs on').action(async (name: string, options: { json?: boolean }) => {
    await ask('checkpoint', { name }, options);
  });
  add('protect <name>', 'make checkpoints of a desktop while it runs on this host, or say how that goes')
    .option('--every <time>', 'so often (10s to 168h)', interval)
    .addOption(new Option('--off', 'not any more').conflicts('every'))
    .action(async (name: string, options: Protect) => {
      await ask('protect', { name, everyMs: options.off === true ? 0 : (options.every ?? null) }, options);
    });
}
