import { z } from 'zod';
import { desktopsLimit } from './limits.ts';
import { byteCount, count } from './values.ts';

/** How much an account may have and do, and how much of that is used. */

/** In the place of a number of bytes: as many as the store takes. */
export const noBytesQuota = Number.MAX_SAFE_INTEGER;
/** Nobody moves desktops 277 times a second; a number keeps count of what is used. */
export const movesPerHourMax = 1_000_000;

const standing = z.object({ used: count, most: count });
export const quotas = z.object({
  desktops: standing,
  /** Of objects in the store, needed or not yet deleted. `most`: {@link noBytesQuota} for no bound. */
  bytes: standing,
  /** Changes of a desktop's owner. `used` falls steadily, by `most` in an hour. */
  movesPerHour: standing,
});
export type Quotas = z.infer<typeof quotas>;
export type QuotaName = keyof Quotas;

/** What an operator gave to one account; null: as the coordinator's options say for every account. */
export const ownQuotas = z.strictObject({
  desktops: z.int().min(0).max(desktopsLimit).nullable(),
  bytes: byteCount.nullable(),
  movesPerHour: z.int().min(0).max(movesPerHourMax).nullable(),
});
export type OwnQuotas = z.infer<typeof ownQuotas>;
export const accountQuotas = z.object({ quotas, own: ownQuotas });
export type AccountQuotas = z.infer<typeof accountQuotas>;

/** From this share on somebody should know. */
const nearShare = 0.9;

/** Of fewer desktops a share says nothing: who has one of one has what was meant. More than all of them is worth a word all the same. */
const fewDesktops = 10;

/** The quotas that are used up or nearly so. */
export function nearQuotas(of: Quotas): QuotaName[] {
  const isMeant = (name: QuotaName): boolean => name === 'desktops' && of.desktops.most < fewDesktops && of.desktops.used <= of.desktops.most;
  return (Object.keys(of) as QuotaName[]).filter((name) => of[name].used >= nearShare * of[name].most && !isMeant(name));
}
