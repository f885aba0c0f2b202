import { sql, type RawBuilder } from 'kysely';
import type { AccountId, DesktopId, HostId } from '@godwit/base';
import { protectionLimits } from '@godwit/wire';
import { reached, type Queries } from '../database/database.ts';
import { isInReach } from '../hosts/reach.ts';
import { lostAfterMs } from '../moves/move-rows.ts';
import { isBehind, mayAct } from '../operator-hosts/host-list.ts';
import { durableAt, hasProtection } from '../operator-desktops/standing.ts';
import { attentionMax, type DamagedDesktop, type ExposedDesktop, type LostHost, type OldHost, type TroubledMove } from './attention.ts';

/** The facts that the list of what needs a person is made of; each query reads at most as many rows as the list may have. */

/** A machine that holds a desktop may sleep over night; after a day somebody should know. */
export const lostHostMs = protectionLimits.lateMs;
/** A move that is told of and gets no further for so long is stuck. */
export const stillAfterMs = 5 * 60_000;
/** What failed longer ago than this, and was not tried again, is no news. */
export const failedNewsMs = 24 * 3_600_000;

const ago = (ms: number) => sql`now() - make_interval(secs => ${ms / 1000})`;

export async function readLostHosts(db: Queries, streaming: readonly HostId[]): Promise<LostHost[]> {
  const { rows } = await reached(() => lostHostQuery(streaming).execute(db));
  return rows.map((row) => ({ accountId: row.account_id, hostId: row.host_id, name: row.name, sinceMs: row.since.getTime(), holds: row.holds }));
}

export function lostHostQuery(streaming: readonly HostId[]): RawBuilder<{ account_id: AccountId; host_id: HostId; name: string; since: Date; holds: string[] }> {
  return sql`
    select h.account_id, h.host_id, h.name, coalesce(h.last_contact_at, h.joined_at) as since,
      (select array_agg(d.name order by d.name) from desktops d where d.held and d.holder_id = h.host_id) as holds
    from hosts h where coalesce(h.last_contact_at, h.joined_at) < ${ago(lostHostMs)} and ${mayAct} and not ${isInReach(streaming)}
      and exists (select 1 from desktops d where d.held and d.holder_id = h.host_id)
    order by since limit ${attentionMax}`;
}

export async function readExposed(db: Queries): Promise<ExposedDesktop[]> {
  const { rows } = await reached(() => exposedQuery().execute(db));
  return rows.map((row) => ({
    accountId: row.account_id, desktopId: row.desktop_id, name: row.name, hostId: row.host_id, hostName: row.host_name, sinceMs: row.since.getTime(), hasCheckpoint: row.has_checkpoint,
  }));
}

export function exposedQuery(): RawBuilder<{ account_id: AccountId; desktop_id: DesktopId; name: string; host_id: HostId; host_name: string; since: Date; has_checkpoint: boolean }> {
  return sql`
    select d.account_id, d.desktop_id, d.name, h.host_id, h.name as host_name, ${durableAt} as since, d.head_sequence is not null as has_checkpoint
    from desktops d join hosts h on h.host_id = d.holder_id where ${hasProtection('unprotected')} and d.held order by ${durableAt} limit ${attentionMax}`;
}

/** Of each desktop its newest move, if that is in trouble and no checkpoint came after it. */
export async function readTroubled(db: Queries): Promise<TroubledMove[]> {
  const { rows } = await reached(() => troubledQuery().execute(db));
  return rows.map((row) => ({
    accountId: row.account_id, desktopId: row.desktop_id, name: row.name, hostId: row.host_id, hostName: row.host_name,
    kind: row.kind, trouble: row.trouble, phase: row.phase, fault: row.fault, sinceMs: row.since.getTime(),
  }));
}

interface TroubledRow {
  readonly account_id: AccountId;
  readonly desktop_id: DesktopId;
  readonly name: string;
  readonly host_id: HostId;
  readonly host_name: string;
  readonly kind: TroubledMove['kind'];
  readonly trouble: TroubledMove['trouble'];
  readonly phase: string;
  readonly fault: string | null;
  readonly since: Date;
}

export function troubledQuery(): RawBuilder<TroubledRow> {
  return sql<TroubledRow>`
    with candidates as (
      select * from moves where state = 'running' and (told_at <= ${ago(lostAfterMs)} or advanced_at <= ${ago(stillAfterMs)})
      union all select * from moves where state = 'unknown' and told_at <= ${ago(lostAfterMs)}
      union all select * from moves where state = 'failed' and started_at > ${ago(7 * failedNewsMs)} and told_at > ${ago(failedNewsMs)}
    )
    select mv.account_id, mv.desktop_id, d.name, mv.host_id, h.name as host_name, mv.kind, mv.told->>'phase' as phase, mv.told->>'fault' as fault,
      case when mv.state <> 'running' then mv.state when mv.told_at <= ${ago(lostAfterMs)} then 'silent' else 'still' end as trouble,
      case when mv.state = 'running' then mv.advanced_at else mv.told_at end as since
    from candidates mv join desktops d on d.account_id = mv.account_id and d.desktop_id = mv.desktop_id join hosts h on h.host_id = mv.host_id
    where not exists (select 1 from moves later where later.account_id = mv.account_id and later.desktop_id = mv.desktop_id and later.started_at > mv.started_at)
      and (d.durable_at is null or d.durable_at < mv.told_at) and ${mayAct}
    order by since limit ${attentionMax}`;
}

/** Hosts that may act, were heard of in the last month, and run one of these versions. */
export async function readOldHosts(db: Queries, versions: readonly string[]): Promise<OldHost[]> {
  if (versions.length === 0) return [];
  const { rows } = await reached(() => sql<{ account_id: AccountId; host_id: HostId; name: string; version: string; since: Date }>`
    select h.account_id, h.host_id, h.name, h.report->>'agentVersion' as version, h.joined_at as since
    from hosts h where ${isBehind(versions)} and h.last_contact_at > now() - interval '30 days' order by h.joined_at limit ${attentionMax}`.execute(db));
  return rows.map((row) => ({ accountId: row.account_id, hostId: row.host_id, name: row.name, version: row.version, sinceMs: row.since.getTime() }));
}

export async function readDamagedDesktops(db: Queries): Promise<DamagedDesktop[]> {
  const { rows } = await reached(() => sql<{ account_id: AccountId; desktop_id: DesktopId; name: string; objects: number; since: Date }>`
    select d.account_id, d.desktop_id, d.name, count(*) as objects, min(s.looked_at) as since
    from scrubs s join objects o on o.account_id = s.account_id and o.object_key = s.object_key
    join desktops d on d.account_id = o.account_id and d.desktop_id = o.desktop_id
    where s.finding is not null group by d.account_id, d.desktop_id, d.name order by since limit ${attentionMax}`.execute(db));
  return rows.map((row) => ({ accountId: row.account_id, desktopId: row.desktop_id, name: row.name, objects: row.objects, sinceMs: row.since.getTime() }));
}
