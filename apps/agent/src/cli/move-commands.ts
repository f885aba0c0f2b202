import { Argument } from 'commander';
import type { ControlResult } from '@godwit/wire';
import { durationText } from './figures.ts';
import type { Common, Shell } from './shell.ts';

/** `godwit move` and what other hosts may bring here. */

interface Move extends Common {
  readonly to?: string;
  readonly eager?: boolean;
  readonly dryRun?: boolean;
}

export function moveCommands({ add, ask }: Shell): void {
  add('move <name>', 'have a desktop go on here, wherever it runs now: its holder suspends it first; Ctrl-C calls off both ends')
    .option('--to <host>', 'have it go on on that host instead')
    .option('--eager', 'fetch everything before it runs here')
    .option('--dry-run', 'only say who would do what')
    .action(async (name: string, options: Move) => {
      await ask('move', { name, to: options.to ?? null, eager: options.eager === true, confirmed: options.dryRun !== true }, options);
    });
  add('arrivals', 'whether other hosts of the account may have desktops resumed on this one')
    .addArgument(new Argument('[allowed]', 'from now on').choices(['on', 'off']))
    .action(async (allowed: 'on' | 'off' | undefined, options: Common) => {
      await ask('arrivals', { allowed: allowed === undefined ? null : allowed === 'on' }, options);
    });
}

/** Pure. */
export function moveAnswer({ name, from, to, done, sequence, epoch, pauseMs, runningMs, arrive }: ControlResult<'move'>): string {
  if (!done) return `${name} would ${from === null ? '' : `be suspended on ${from}, and `}go on on ${to}. Nothing is given up, and nothing was changed.`;
  const left = from === null ? `${name} was held by nobody.` : `${from} suspended ${name}${pauseMs === null ? '' : ` in a pause of ${durationText(pauseMs)}`}: nothing was given up.`;
  const arrived = `${name} runs on ${to} from checkpoint ${sequence ?? 0}, in epoch ${epoch}${runningMs === null ? '' : `, ${durationText(runningMs)} after it was asked for there`}.`;
  return [left, arrived, ...(arrive !== null && arrive.completeMs === null ? ['The rest comes in the background.'] : [])].join('\n');
}

/** Pure. */
export function arrivalsAnswer({ allowed, changed }: ControlResult<'arrivals'>): string {
  const may = allowed ? 'may have desktops resumed on this one (godwit move NAME --to HOST, there)' : 'may not have desktops resumed on this one';
  return `The other hosts of the account ${may}${changed ? ', from now on' : ''}.`;
}
