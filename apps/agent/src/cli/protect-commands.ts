import { InvalidArgumentError, Option } from 'commander';
import type { Shell } from './shell.ts';

/** The commands about checkpoints of a desktop that goes on running. */

interface Protect {
  readonly json?: boolean;
  readonly every?: number;
  readonly off?: boolean;
}

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000 } as const;
const everyMsMin = 10_000;
const everyMsMax = 7 * 24 * unitMs.h;

/** `30s`, `5m`, `1h`: milliseconds. Throws what commander shows. */
export function interval(text: string): number {
  const match = /^(\d{1,7})([smh])$/.exec(text);
  const ms = match === null ? 0 : Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
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
