import { Fault, type DesktopId } from '@godwit/base';
import { leaseTermMs, takeOverMarginMs } from '@godwit/wire';
import { record } from '../audit/record.ts';
import type { Trx } from '../database/database.ts';
import type { Caller } from '../http/caller.ts';
import { requireKeeper } from './lease-keepers.ts';
import { judge, takeOverInMs } from './lease.ts';
import { beginEpoch, lockLease, nameOf, refusalOf, requireCurrent, type OwnLease } from './lease.transitions.ts';
import { findOfflinePolicy } from './offline-policies.ts';
import type { Renewals } from './renewals.ts';

export interface TakeOver {
  /** The epoch that is ended. */
  readonly epoch: number;
  /** The head its user was told of: hexadecimal. */
  readonly expectedHead: string;
}

/** Ends another host's epoch; the caller gets the next one. Who may do so when: `judge`. The same take-over again gets the same lease. */
export async function takeOverDesktop(trx: Trx, caller: Caller, desktopId: DesktopId, wish: TakeOver, renewals: Renewals): Promise<OwnLease> {
  const { accountId, hostId } = caller;
  const place = { accountId, desktopId };
  await requireCurrent(trx, caller);
  const row = await lockLease(trx, accountId, desktopId);
  const policy = await findOfflinePolicy(trx, accountId, desktopId);
  const others = row.strict || policy?.mode === 'stop' ? await requireKeeper(trx, renewals) : [];
  const event = { type: 'take-over', host: hostId, ...wish } as const;
  const heardElsewhereMs = row.strict ? await renewals.others.heardMs(others, place, row.epoch, true) : -Infinity;
  // From here to `note` nothing is awaited: no renewal comes in between, and the others accept none without the row's lock.
  const lease = { ...row, renewedMs: Math.max(heardElsewhereMs, renewals.renewedMs(place, row.epoch)) };
  const nowMs = renewals.nowMs();
  const verdict = judge(lease, event, nowMs);
  if (verdict === 'again') {
    renewals.note(place, lease.epoch);
    return { ...row, policy };
  }
  if (verdict === 'LEASE_NOT_OVER') {
    const expected = `no word from ${await nameOf(trx, lease.holder)} for ${(leaseTermMs + takeOverMarginMs) / 1000} s`;
    throw new Fault(verdict, { expected, found: `${Math.ceil(takeOverInMs(lease, nowMs) / 1000)} s` });
  }
  if (verdict !== 'apply') throw await refusalOf(trx, row, event, verdict);
  const epoch = lease.epoch + 1;
  renewals.note(place, epoch);
  const strict = await beginEpoch(trx, caller, desktopId, epoch, policy);
  await record(trx, { accountId, kind: 'desktop-taken-over', hostId, desktopId, detail: { epoch, from: lease.holder }, leaf: { subject: lease.holder, epoch } });
  return { ...row, holder: hostId, held: true, epoch, strict, policy };
}
