import { Fault } from '@godwit/base';
import { desktopsLimit, movesPerHourMax, noBytesQuota, type OwnQuotas } from '@godwit/wire';
import type { DefaultQuotas } from './quotas.ts';

/** Quotas as they are typed: `desktops=20,bytes=2TiB,moves=600`. Pure. */

/** For every account, where the options say nothing: bounds that no person comes near, so that a program gone wild does no harm. */
export const defaultQuotas: DefaultQuotas = { desktops: desktopsLimit, bytes: noBytesQuota, movesPerHour: 10_000 };

const names = { desktops: 'desktops', bytes: 'bytes', moves: 'movesPerHour' } as const;
const units: Readonly<Record<string, number>> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
const shapes: Record<keyof typeof names, string> = {
  desktops: `desktops=0 to desktops=${desktopsLimit}`, bytes: 'bytes=500GiB (or KiB, MiB, TiB), or bytes=none', moves: `moves=0 to moves=${movesPerHourMax}`,
};

/** What the list names. With `mayDefault` the word `default` is a value too, and null. Throws COORDINATOR_OPTIONS. */
export function parseQuotaList(option: string, text: string, mayDefault: boolean): Partial<OwnQuotas> {
  const parsed: Partial<OwnQuotas> = {};
  for (const part of text.split(',')) {
    const [, name = '', value = ''] = /^(desktops|bytes|moves)=(.+)$/.exec(part) ?? [];
    if (!isName(name)) throw refused(option, 'a list of desktops=, bytes=, moves=', part);
    const number = mayDefault && value === 'default' ? null : name === 'bytes' ? bytesIn(value) : countIn(value, name === 'desktops' ? desktopsLimit : movesPerHourMax);
    if (number === undefined || parsed[names[name]] !== undefined) throw refused(option, `${shapes[name]}${mayDefault ? `, or ${name}=default` : ''}, once`, part);
    parsed[names[name]] = number;
  }
  return parsed;
}

/** The same list as it could be typed. */
export function spellQuotas({ desktops, bytes, movesPerHour }: OwnQuotas): string {
  return `desktops=${desktops ?? 'default'},bytes=${bytes === null ? 'default' : bytes === noBytesQuota ? 'none' : spellBytes(bytes)},moves=${movesPerHour ?? 'default'}`;
}

export function spellBytes(bytes: number): string {
  const [unit, size] = Object.entries(units).findLast(([, unitBytes]) => bytes >= unitBytes && bytes % unitBytes === 0) ?? ['', 1];
  return `${bytes / size}${unit}`;
}

function isName(name: string): name is keyof typeof names {
  return Object.hasOwn(names, name);
}

function bytesIn(value: string): number | undefined {
  if (value === 'none') return noBytesQuota;
  const [, digits, unit = ''] = /^([0-9]{1,15})(KiB|MiB|GiB|TiB)?$/.exec(value) ?? [];
  const bytes = Number(digits) * (units[unit] ?? NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

function countIn(value: string, most: number): number | undefined {
  return /^[0-9]{1,7}$/.test(value) && Number(value) <= most ? Number(value) : undefined;
}

function refused(option: string, expected: string, found: string): Fault {
  return new Fault('COORDINATOR_OPTIONS', { subject: option, expected, found });
}
