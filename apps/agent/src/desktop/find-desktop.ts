import { Fault } from '@godwit/base';
import type { Desktop } from '@godwit/wire';
import type { Account } from '../account/account.ts';

/** The desktop of that name at the coordinator. Throws DESKTOP_NOT_FOUND, with the name that may have been meant. */
export async function findDesktop({ coordinator, heads }: Account, name: string): Promise<Desktop> {
  const { desktops } = await coordinator.call('listDesktops', {});
  const found = desktops.find((desktop) => desktop.name === name);
  if (found === undefined) {
    // One that was seen here and is not there under any name is hidden.
    for (const desktopId of heads.idsNamed(name)) if (!desktops.some((desktop) => desktop.desktopId === desktopId)) heads.check({ desktopId, name }, null);
  }
  if (found === undefined) throw notFound(name, desktops.map((desktop) => desktop.name));
  return found;
}

export function notFound(name: string, names: readonly string[]): Fault {
  const near = nearest(name, names);
  return new Fault('DESKTOP_NOT_FOUND', { subject: name, ...(near === undefined ? {} : { hint: `did you mean ${near}?` }) });
}

/** The name that takes the fewest typing mistakes to become the one that was typed: one in three letters at most, or it begins like it. Pure. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const mistakesMax = Math.max(1, Math.floor(typed.length / 3));
  const ranked = names
    .map((name) => ({ name, mistakes: name.startsWith(typed) ? 0 : mistakesBetween(typed.toLowerCase(), name.toLowerCase()) }))
    .filter(({ mistakes }) => mistakes <= mistakesMax)
    .sort((a, b) => a.mistakes - b.mistakes);
  return ranked[0]?.name;
}

/** Letters to add, drop or exchange, or two neighbours to swap (optimal string alignment). */
function mistakesBetween(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? before[j - 2]! + 1 : Infinity;
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1), swapped));
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
