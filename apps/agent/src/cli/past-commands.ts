import { InvalidArgumentError } from 'commander';
import { Fault } from '@godwit/base';
import { askFirst, losing, type Common, type Losing, type Shell } from './shell.ts';

/** The commands about a desktop's past: fork, rollback, prune. */

/** `work@3`: checkpoint 3 of desktop work. Undefined where it is no such thing. Pure. */
export function parsePast(text: string): { readonly name: string; readonly sequence: number } | undefined {
  const [, name, digits] = /^([^@\s]+)@([1-9]\d{0,14})$/.exec(text) ?? [];
  return name === undefined ? undefined : { name, sequence: Number(digits) };
}

export function pastCommands(shell: Shell): void {
  const { add, ask } = shell;
  add('fork <name@checkpoint> <new>', 'make a new desktop that begins with an older checkpoint; copies no data').action(async (place: string, newName: string, options: Common) => {
    const past = placeOf(shell, place, options);
    if (past !== undefined) await ask('fork', { ...past, newName }, options);
  });
  losing(add('rollback <name@checkpoint>', 'go back to an older checkpoint; what came after it is kept under another name'))
    .action(async (place: string, options: Losing) => {
      const past = placeOf(shell, place, options);
      if (past !== undefined) await askFirst(options, async (confirmed) => ask('rollback', { ...past, confirmed }, options));
    });
  interface Prune extends Losing {
    readonly keepLast?: number;
    readonly keepHourly?: number;
    readonly keepDaily?: number;
    readonly compact?: boolean;
  }
  losing(add('prune <name>', 'say which checkpoints are kept from now on, and delete what nothing needs any more'))
    .option('--keep-last <count>', 'the newest so many checkpoints', rule)
    .option('--keep-hourly <count>', 'the newest of each of so many hours', rule)
    .option('--keep-daily <count>', 'the newest of each of so many days', rule)
    .option('--compact', 'first copy what is still needed out of packs that are mostly not (of a free desktop)')
    .action(async (name: string, options: Prune) => {
      const { keepLast, keepHourly, keepDaily } = options;
      const retention = keepLast === undefined && keepHourly === undefined && keepDaily === undefined ? null : { last: keepLast ?? 0, hourly: keepHourly ?? 0, daily: keepDaily ?? 0 };
      const wish = { name, retention, compact: options.compact === true };
      await askFirst(options, async (confirmed) => ask('prune', { ...wish, confirmed }, options));
    });
}

function placeOf({ fail }: Shell, text: string, options: Common): { readonly name: string; readonly sequence: number } | undefined {
  const past = parsePast(text);
  if (past === undefined) fail(new Fault('ARGUMENT_INVALID', { expected: 'a desktop and one of its checkpoints, such as work@3', found: text, hint: 'see `godwit history NAME` for the checkpoints' }), options);
  return past;
}

function rule(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('a whole number.');
  return Number(text);
}
