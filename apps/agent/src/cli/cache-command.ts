import { InvalidArgumentError } from 'commander';
import type { ControlResult } from '@godwit/wire';
import { bytesText, parseBytes, table } from './figures.ts';
import { askFirst, losing, type Losing, type Shell } from './shell.ts';

/** `godwit cache`: what this host keeps of the store, and how much it may. */

interface Cache extends Losing {
  readonly limit?: number | 'default';
  readonly clear?: boolean;
}

export function cacheCommand({ add, ask }: Shell): void {
  losing(add('cache', 'what this host keeps of the store, so that a desktop that comes back fetches only what changed elsewhere'))
    .option('--limit <size>', 'from now on it takes at most so much: a size such as 20G, 0 for none, or default', limit)
    .option('--clear', 'empty it')
    .action(async (options: Cache) => {
      const limitBytes = options.dryRun === true ? null : (options.limit ?? null);
      if (options.clear !== true) await ask('cache', { limitBytes, clear: false, confirmed: false }, options);
      else await askFirst(options, async (confirmed) => ask('cache', { limitBytes: confirmed ? limitBytes : null, clear: true, confirmed }, options));
    });
}

function limit(text: string): number | 'default' {
  if (text === 'default') return 'default';
  const bytes = parseBytes(text);
  if (bytes === undefined) throw new InvalidArgumentError('a size such as 512M or 20G, or default.');
  return bytes;
}

/** What it prints for people. Pure. */
export function cacheAnswer({ bytes, limitBytes, limitIsDefault, budgetBytes, packs, hits, misses, bytesFromCache, bytesFetched, desktops, cleared }: ControlResult<'cache'>): string {
  const less = budgetBytes < limitBytes ? `, ${bytesText(budgetBytes)} now: the disk is nearly full` : '';
  const reads = hits + misses === 0 ? 'Nothing was read since the agent began.' : `Since the agent began it answered ${hits} of ${hits + misses} reads: ${bytesText(bytesFromCache)} was here, ${bytesText(bytesFetched)} was fetched.`;
  const emptied = cleared === null ? [] : [`${cleared.done ? 'Emptied' : 'It would be emptied'}: ${bytesText(cleared.bytes)} of ${cleared.packs} packs, which ${cleared.done ? 'are' : 'would be'} fetched again by what needs them. Nothing in the store is touched.`];
  return [
    ...emptied,
    `The cache has ${bytesText(bytes)} of ${packs} packs, sealed as they are in the store (at most ${bytesText(limitBytes)}${limitIsDefault ? ', the default' : ''}${less}).`,
    reads,
    ...(desktops.length === 0 ? [] : ['', table([['DESKTOP', 'PACKS', 'SIZE'], ...desktops.map((desktop) => [desktop.name ?? desktop.desktopId.slice(0, 8), String(desktop.packs), bytesText(desktop.bytes)])], ['left', 'right', 'right'])]),
  ].join('\n');
}
