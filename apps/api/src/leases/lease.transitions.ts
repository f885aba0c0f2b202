import { sql, type Selectable } from 'kysely';
import { Fault, type AccountId, type DesktopId, type HostId } from '@godwit/base';
import { bytesOf, type WrappedKey } from '@godwit/wire';
import { record } from '../audit/record.ts';
import { violates, type Queries, type Trx } from '../database/database.ts';
import type { DesktopsTable } from '../database/schema.ts';
import type { Caller } from '../http/caller.ts';
import { requireRoomForDesktop, takeMove } from '../quotas/quotas.ts';
import { requireKeeper } from './lease-keepers.ts';
import { judge, type Lease, type LeaseEvent, type Verdict } from './lease.ts';
import { findOfflinePolicy, type StoredOfflinePolicy } from './offline-policies.ts';
import type { Renewals } from './renewals.ts';

/** What the row says; when a strict lease was renewed is not in it. */
export type LeaseRow = Omit<Lease, 'renewedMs'>;
/** What a host got, with the policy that is stored for the desktop now. */
export interface OwnLease extends LeaseRow {
  readonly policy: StoredOfflinePolicy | undefined;
}
/** Events that are judged without a clock. */
type TimelessEvent = Exclude<LeaseEvent, { readonly type: 'take-over' }>;

/**
 * The state changes of a desktop's one row, each inside one transaction: lock the row, judge, apply, record. All state changes
 * lock in one order - account, host, desktop, quotas, log - and with locks that foreign keys do not wait for, so none waits in a circle.
 */

/** A caller that was revoked or barred between the guard's look and the transaction changes nothing. */
export async function requireCurrent(trx: Trx, { hostId }: Caller): Promise<void> {
  const row = await trx.selectFrom('hosts').select(['current', 'barred_at']).where('host_id', '=', hostId).forShare().executeTakeFirst();
  if (row?.current !== true) throw new Fault('HOST_REVOKED');
  if (row.barred_at !== null) throw new Fault('HOST_BARRED');
}

/** Repeating it with the same id and name by the same host changes nothing. */
export async function createDesktop(trx: Trx, caller: Caller, desktopId: DesktopId, name: string, wrappedKey: WrappedKey): Promise<void> {
  const { accountId, hostId } = caller;
  // Serialises creations in one account, for the quota's sake.
  await trx.selectFrom('accounts').select('account_id').where('account_id', '=', accountId).forNoKeyUpdate().executeTakeFirstOrThrow();
  await requireCurrent(trx, caller);
  const before = await trx.selectFrom('desktops').select(['name', 'holder_id', 'epoch']).where('account_id', '=', accountId).where('desktop_id', '=', desktopId).executeTakeFirst();
  if (before !== undefined) {
    if (before.name === name && before.holder_id === hostId && before.epoch === 1) return;
    throw new Fault('DESKTOP_NAME_TAKEN', { found: `a desktop of the same id, named ${before.name}` });
  }
  await requireRoomForDesktop(trx, accountId);
  try {
    await trx.insertInto('desktops').values({ account_id: accountId, desktop_id: desktopId, name, holder_id: hostId, held: true, epoch: 1, head_sequence: null }).execute();
  } catch (error) {
    if (violates(error, 'desktops_by_name')) throw new Fault('DESKTOP_NAME_TAKEN', { found: name, cause: error });
    throw error;
  }
  await trx.insertInto('wrapped_keys').values({ account_id: accountId, desktop_id: desktopId, generation: wrappedKey.generation, bytes: bytesOf(wrappedKey.bytes) }).execute();
  await record(trx, { accountId, kind: 'desktop-created', hostId, desktopId, detail: { epoch: 1 }, leaf: { epoch: 1 } });
}

/** The next epoch for the caller, if the desktop is free; the same epoch again, if the caller has it. Either way a strict lease counts as renewed. */
export async function acquireDesktop(trx: Trx, caller: Caller, desktopId: DesktopId, expectedHead: string | undefined, renewals: Renewals): Promise<OwnLease> {
  const { accountId, hostId } = caller;
  await requireCurrent(trx, caller);
  const lease = await lockLease(trx, accountId, desktopId);
  const verdict = await allowed(trx, lease, { type: 'acquire', host: hostId, expectedHead });
  const policy = await findOfflinePolicy(trx, accountId, desktopId);
  if (verdict === 'again' ? lease.strict : policy?.mode === 'stop') await requireKeeper(trx, renewals);
  const epoch = verdict === 'again' ? lease.epoch : lease.epoch + 1;
  renewals.note({ accountId, desktopId }, epoch);
  if (verdict === 'again') return { ...lease, policy };
  const strict = await beginEpoch(trx, caller, desktopId, epoch, policy);
  await record(trx, { accountId, kind: 'desktop-acquired', hostId, desktopId, detail: { epoch }, leaf: { epoch } });
  return { ...lease, holder: hostId, held: true, epoch, strict, policy };
}

/** From now on `epoch` is the caller's, held as the stored policy says: whether strictly is the answer. Throws QUOTA_MOVES. */
export async function beginEpoch(trx: Trx, { accountId, hostId }: Caller, desktopId: DesktopId, epoch: number, policy: StoredOfflinePolicy | undefined): Promise<boolean> {
  const offline = policy?.mode ?? 'keep';
  await takeMove(trx, accountId);
  await trx.updateTable('desktops').set({ holder_id: hostId, held: true, epoch, offline }).where('account_id', '=', accountId).where('desktop_id', '=', desktopId).execute();
  return offline === 'stop';
}

export async function releaseDesktop(trx: Trx, { accountId, hostId }: Caller, desktopId: DesktopId, epoch: number): Promise<void> {
  const lease = await lockLease(trx, accountId, desktopId);
  if ((await allowed(trx, lease, { type: 'release', host: hostId, epoch })) === 'again') return;
  await dropLease(trx, accountId, desktopId);
  await record(trx, { accountId, kind: 'desktop-released', hostId, desktopId, detail: { epoch }, leaf: { epoch } });
}

export async function dropLease(trx: Trx, accountId: AccountId, desktopId: DesktopId): Promise<void> {
  await trx.updateTable('desktops').set({ held: false }).where('account_id', '=', accountId).where('desktop_id', '=', desktopId).execute();
}

/** For as long as the transaction lasts nobody else changes the desktop. Throws DESKTOP_NOT_FOUND, the same for a foreign one. */
export async function lockLease(trx: Trx, accountId: AccountId, desktopId: DesktopId): Promise<LeaseRow> {
  const row = await trx
    .selectFrom('desktops')
    .select(['holder_id', 'held', 'epoch', 'head_sequence', 'offline'])
    .where('account_id', '=', accountId)
    .where('desktop_id', '=', desktopId)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return leaseOf(trx, accountId, desktopId, row);
}

/** The lease as it is now, without a lock: for what changes nothing. */
export async function readLease(db: Queries, accountId: AccountId, desktopId: DesktopId): Promise<LeaseRow> {
  const row = await db
    .selectFrom('desktops')
    .select(['holder_id', 'held', 'epoch', 'head_sequence', 'offline'])
    .where('account_id', '=', accountId)
    .where('desktop_id', '=', desktopId)
    .executeTakeFirst();
  return leaseOf(db, accountId, desktopId, row);
}

type DesktopRow = Pick<Selectable<DesktopsTable>, 'holder_id' | 'held' | 'epoch' | 'head_sequence' | 'offline'>;

async function leaseOf(db: Queries, accountId: AccountId, desktopId: DesktopId, row: DesktopRow | undefined): Promise<LeaseRow> {
  if (row === undefined) throw new Fault('DESKTOP_NOT_FOUND');
  const base = { holder: row.holder_id, held: row.held, epoch: row.epoch, strict: row.offline === 'stop' };
  if (row.head_sequence === null) return { ...base, headDigest: null, headSequence: 0 };
  const head = await db
    .selectFrom('checkpoints')
    .select(sql<string>`encode(digest, 'hex')`.as('digest'))
    .where('account_id', '=', accountId)
    .where('desktop_id', '=', desktopId)
    .where('sequence', '=', row.head_sequence)
    .executeTakeFirstOrThrow();
  return { ...base, headDigest: head.digest, headSequence: row.head_sequence };
}

/** The verdict on an event, if it is allowed; else its fault, which names what stands in the way. */
export async function allowed(db: Queries, lease: LeaseRow, event: TimelessEvent): Promise<Extract<Verdict, 'apply' | 'again'>> {
  const verdict = judge({ ...lease, renewedMs: 0 }, event, 0);
  if (verdict === 'apply' || verdict === 'again') return verdict;
  throw await refusalOf(db, lease, event, verdict);
}

export async function refusalOf(db: Queries, lease: LeaseRow, event: LeaseEvent, verdict: Exclude<Verdict, 'apply' | 'again'>): Promise<Fault> {
  switch (verdict) {
    case 'DESKTOP_HELD_ELSEWHERE':
      return new Fault(verdict, { expected: 'a free desktop', found: `${await nameOf(db, lease.holder)} holds it in epoch ${lease.epoch}` });
    case 'EPOCH_FENCED':
      return new Fault(verdict, {
        expected: 'epoch' in event ? `a lease of epoch ${event.epoch}` : 'a free desktop',
        found: lease.held ? `epoch ${lease.epoch}, held by ${await nameOf(db, lease.holder)}` : `epoch ${lease.epoch}, released`,
      });
    case 'DESKTOP_FREE':
      return new Fault(verdict, { found: `epoch ${lease.epoch}, released` });
    case 'DESKTOP_NEVER_SAVED':
    case 'LEASE_NOT_OVER':
      return new Fault(verdict);
    case 'HEAD_MOVED':
      return new Fault(verdict, { expected: event.type === 'commit' ? `sequence ${event.sequence} after its parent` : 'the head that was named', found: describeHead(lease) });
  }
}

function describeHead({ headSequence, headDigest }: LeaseRow): string {
  return headDigest === null ? 'no checkpoint yet' : `head ${headSequence} (${headDigest.slice(0, 16)})`;
}

export async function nameOf(db: Queries, hostId: HostId): Promise<string> {
  const row = await db.selectFrom('hosts').select('name').where('host_id', '=', hostId).executeTakeFirst();
  return row?.name ?? hostId;
}
