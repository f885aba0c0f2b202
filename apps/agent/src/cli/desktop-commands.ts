import { resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { ControlResult, OfflineMode } from '@godwit/wire';
import { parseBytes } from './figures.ts';
import { exitCodes } from './exit-code.ts';
import { agrees, askFirst, isTerminal, losing, type Losing, type Shell, type Common } from './shell.ts';

/** The commands about one desktop and its life on this host. */

const defaultMemoryBytes = 4 * 2 ** 30;

export function desktopCommands({ add, ask }: Shell): void {
  interface Create extends Common {
    readonly image?: string;
    readonly memory: number;
    readonly disk?: number;
    readonly cpus: number;
    readonly offline: OfflineMode;
  }
  add('create <new-name>', 'make a desktop on this host')
    .option('--image <file>', 'the disk image it starts from')
    .addOption(new Option('--memory <size>', 'its memory').argParser(size).default(defaultMemoryBytes, '4G'))
    .option('--disk <size>', 'its disk; the size of the image unless given', size)
    .option('--cpus <count>', 'its processors', wholeNumber, 2)
    .addOption(new Option('--offline <mode>', 'without word from the coordinator it runs on (keep), or stops within 30 s (stop)').choices(['keep', 'stop']).default('keep'))
    .action(async (name: string, options: Create) => {
      await ask('create', { name, image: options.image === undefined ? null : resolve(options.image), memoryBytes: options.memory, diskBytes: options.disk ?? null, cpus: options.cpus, offline: options.offline }, options);
    });
  add('start <name>', 'switch a desktop on').action(async (name: string, options: Common) => {
    await ask('start', { name }, options);
  });
  add('suspend <name>', 'put a running desktop safely into the store; Ctrl-C rolls it back')
    .option('--limit <rate>', 'take at most this much of the line: bytes a second such as 512K or 2M', size)
    .action(async (name: string, options: Common & { limit?: number }) => {
      await ask('suspend', { name, limitBytesPerSecond: options.limit }, options);
    });
  losing(add('resume <name>', 'go on with a suspended desktop here; Ctrl-C before it runs rolls it back'))
    .option('--eager', 'fetch everything before it runs')
    .option('--wait', 'return only when everything has been fetched')
    .addOption(new Option('--fetch', 'where another host holds it, have it suspended there first, as `godwit move` does').conflicts(['discard', 'wait']))
    .option('--discard', 'give up what this host has of it since its last checkpoint, and go on from that; asks first')
    .action((name: string, options: Resume) => resume(ask, name, options));
  add('stop <name>', 'shut a desktop down')
    .option('--force', 'switch it off without asking the guest')
    .action(async (name: string, options: Common & { force?: boolean }) => {
      await ask('stop', { name, force: options.force === true }, options);
    });
  add('history <name>', 'the checkpoints of a desktop').action(async (name: string, options: Common) => {
    await ask('history', { name }, options);
  });
  add('verify <name>', 'check a whole desktop in the store')
    .option('--data', 'read and open every page too')
    .action(async (name: string, options: Common & { data?: boolean }) => {
      await ask('verify', { name, data: options.data === true }, options);
    });
  add('console <name>', "what the guest wrote on its serial line")
    .option('--lines <count>', 'how many lines', wholeNumber, 40)
    .action(async (name: string, options: Common & { lines: number }) => {
      await ask('console', { name, lines: options.lines }, options);
    });
}

interface Resume extends Losing {
  readonly eager?: boolean;
  readonly wait?: boolean;
  readonly discard?: boolean;
  readonly fetch?: boolean;
}

async function resume(ask: Shell['ask'], name: string, options: Resume): Promise<void> {
  const goOn = (): Promise<ControlResult<'resume'> | undefined> => ask('resume', { name, eager: options.eager === true, wait: options.wait === true }, options);
  const fetch = (confirmed: boolean): Promise<ControlResult<'move'> | undefined> => ask('move', { name, to: null, eager: options.eager === true, confirmed }, options);
  // What would happen to a desktop that goes on here is the same, whoever holds it.
  if (options.fetch === true || (options.dryRun === true && options.discard !== true)) {
    await fetch(options.dryRun !== true);
    return;
  }
  if (options.discard !== true) {
    if ((await goOn()) !== undefined || process.exitCode !== exitCodes.heldElsewhere || !isTerminal(options)) return;
    if ((await fetch(false)) !== undefined && (await agrees('Have it suspended there, and go on here?'))) await fetch(true);
    return;
  }
  await askFirst(options, async (confirmed) => {
    // With --json one document is all there is: what was given up, or what runs instead.
    const givenUp = await ask('discard', { name, confirmed }, options, !confirmed || options.json !== true);
    return givenUp === undefined || !confirmed ? givenUp : goOn();
  });
}

function size(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined) throw new InvalidArgumentError('a size such as 512M or 4G.');
  return bytes;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number.');
  return Number(text);
}
