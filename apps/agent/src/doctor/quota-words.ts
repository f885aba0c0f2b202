import { nearQuotas, type QuotaName, type Quotas } from '@godwit/wire';
import { bytesText } from '../cli/figures.ts';

/** What is said of quotas that are used up or nearly so. Pure. */

const sentences: Record<QuotaName, (quotas: Quotas) => string> = {
  desktops: ({ desktops: { used, most } }) => `${used} of ${most} desktops`,
  bytes: ({ bytes: { used, most } }) => `${bytesText(used)} of ${bytesText(most)} in the store`,
  movesPerHour: ({ movesPerHour: { used, most } }) => `${used} of ${most} moves an hour`,
};

/** `9.5 GiB of 10.0 GiB in the store, 20 of 20 desktops`; undefined where there is room everywhere. */
export function nearQuotaText(quotas: Quotas): string | undefined {
  const near = nearQuotas(quotas);
  return near.length === 0 ? undefined : near.map((name) => sentences[name](quotas)).join(', ');
}

/** What is said where there is room: of desktops there may be as many as were meant. */
export function roomText({ desktops: { used, most } }: Quotas): string {
  return used < most ? 'the account is far from what it may have' : `the account has its ${used} of ${most} desktops, and is far from what else it may have`;
}
