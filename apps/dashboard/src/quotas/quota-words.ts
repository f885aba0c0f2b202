import { desktopsLimit, movesPerHourMax, noBytesQuota, type AccountQuotas, type OwnQuotas, type QuotaName, type Quotas } from '@godwit/wire/operators';
import { bytesText, countText } from '../words/figures.ts';

/** Quotas in words, and what is typed for them. Pure. */

export const quotaTitles: Readonly<Record<QuotaName, string>> = { desktops: 'Desktops', bytes: 'In the store', movesPerHour: 'Moves an hour' };

/** `3 of 20`, `1.2 GiB, without a bound`; behind it, whose word the bound is. */
export function quotaText({ quotas, own }: AccountQuotas, name: QuotaName): string {
  const { used, most } = quotas[name];
  const write = name === 'bytes' ? bytesText : countText;
  const bound = most === noBytesQuota ? `${write(used)}, without a bound` : `${write(used)} of ${write(most)}`;
  return own[name] === null ? `${bound}, as for every account` : `${bound}, for this account alone`;
}

/** What somebody types: empty is what holds for every account. */
export interface TypedQuotas {
  readonly desktops: string;
  /** In GiB; `none` for no bound. */
  readonly gibibytes: string;
  readonly movesPerHour: string;
}

const gibibyte = 2 ** 30;
/** Digits that an input of GiB can hold, below 2^53 bytes. */
const gibibytesMax = 8_000_000;

export function typedOf({ desktops, bytes, movesPerHour }: OwnQuotas): TypedQuotas {
  return { desktops: String(desktops ?? ''), gibibytes: bytes === null ? '' : bytes === noBytesQuota ? 'none' : String(bytes / gibibyte), movesPerHour: String(movesPerHour ?? '') };
}

/** Undefined: the name of the field that cannot be read is in `wrong`. */
export function ownOf(typed: TypedQuotas): { readonly own: OwnQuotas } | { readonly wrong: string } {
  const desktops = numberIn(typed.desktops, desktopsLimit, false);
  if (desktops === undefined) return { wrong: `Desktops: a number from 0 to ${countText(desktopsLimit)}, or nothing.` };
  const gibibytes = typed.gibibytes.trim() === 'none' ? noBytesQuota / gibibyte : numberIn(typed.gibibytes, gibibytesMax, true);
  if (gibibytes === undefined) return { wrong: 'Gibibytes in the store: a number, none, or nothing.' };
  const movesPerHour = numberIn(typed.movesPerHour, movesPerHourMax, false);
  if (movesPerHour === undefined) return { wrong: `Moves an hour: a number from 0 to ${countText(movesPerHourMax)}, or nothing.` };
  return { own: { desktops, bytes: gibibytes === null ? null : Math.round(gibibytes * gibibyte), movesPerHour } };
}

function numberIn(text: string, most: number, fractions: boolean): number | null | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  const value = Number(trimmed);
  return (fractions ? /^[0-9]+(\.[0-9]+)?$/ : /^[0-9]+$/).test(trimmed) && value <= most ? value : undefined;
}

/** How full it is: 0 to 1; 0 without a bound. */
export function shareOf(quotas: Quotas, name: QuotaName): number {
  const { used, most } = quotas[name];
  return most === 0 ? 1 : Math.min(1, used / most);
}
