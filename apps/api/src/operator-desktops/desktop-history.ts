import { sql, type RawBuilder } from 'kysely';
import type { AccountId, DesktopId, HostId } from '@godwit/base';
import { textOf, type CheckpointNode, type DesktopDetail, type DesktopEvent } from '@godwit/wire';
import type { Queries } from '../database/database.ts';

/** What has become of one desktop: its checkpoints with what their moves told, its forks, its events. */

const nodesMax = 500;
const forksMax = 256;
const eventsMax = 200;

interface NodeRow {
  readonly sequence: number;
  readonly digest: Buffer;
  readonly parent: Buffer | null;
  readonly epoch: number;
  readonly host_id: HostId;
  readonly host_name: string;
  readonly created_ms: number;
  readonly acknowledged_at: Date;
  readonly stored_bytes: number;
  readonly released: boolean;
  readonly dropped: boolean;
  readonly added_bytes: number;
  readonly pause_ms: number | null;
  readonly durable_ms: number | null;
  readonly bytes_changed: number | null;
}

/** The checkpoints that are shown: the newest ones, also those that prune has dropped. */
export async function readNodes(db: Queries, accountId: AccountId, desktopId: DesktopId): Promise<CheckpointNode[]> {
  const { rows } = await nodeQuery(accountId, desktopId).execute(db);
  return rows.map((row) => ({
    sequence: row.sequence,
    digest: textOf(row.digest),
    parent: row.parent === null ? null : textOf(row.parent),
    epoch: row.epoch,
    hostId: row.host_id,
    hostName: row.host_name,
    createdMs: row.created_ms,
    acknowledgedMs: row.acknowledged_at.getTime(),
    bytes: row.stored_bytes,
    released: row.released,
    dropped: row.dropped,
    addedBytes: row.added_bytes,
    pauseMs: row.pause_ms,
    durableAfterMs: row.durable_ms,
    bytesChanged: row.bytes_changed,
  }));
}

/**
 * An object counts for the first checkpoint that is kept and needs it. A move's figures count for the checkpoint that it names if the
 * same host committed that in the same epoch: a host speaks for its own work only.
 */
export function nodeQuery(accountId: AccountId, desktopId: DesktopId): RawBuilder<NodeRow> {
  return sql<NodeRow>`
    with own as (
      select * from checkpoints where account_id = ${accountId} and desktop_id = ${desktopId} order by sequence desc limit ${nodesMax}
    ), needed as (
      select min(sequence) as sequence, id from (select sequence, unnest(object_ids) as id from own where dropped_at is null) every_need group by id
    ), added as (
      select n.sequence, sum(o.length_bytes)::bigint as bytes from needed n join objects o on o.object_id = n.id
      where o.account_id = ${accountId} and o.desktop_id = ${desktopId} group by n.sequence
    ), told as (
      select distinct on (sequence) sequence, host_id, epoch, told from moves
      where account_id = ${accountId} and desktop_id = ${desktopId} and kind <> 'resume' and sequence is not null and state in ('done', 'unknown')
      order by sequence, started_at desc
    )
    select c.sequence, c.digest, c.parent, c.epoch, c.host_id, h.name as host_name, c.created_ms, c.acknowledged_at, c.stored_bytes, c.released,
      c.dropped_at is not null as dropped, coalesce(added.bytes, 0) as added_bytes,
      (t.told->>'pauseMs')::float8 as pause_ms, (t.told->>'durableMs')::float8 as durable_ms, (t.told->>'bytesChanged')::bigint as bytes_changed
    from own c join hosts h on h.host_id = c.host_id left join added on added.sequence = c.sequence
    left join told t on t.sequence = c.sequence and t.host_id = c.host_id and t.epoch = c.epoch
    order by c.sequence desc`;
}

/** Newest first. */
export async function readEvents(db: Queries, accountId: AccountId, desktopId: DesktopId): Promise<DesktopEvent[]> {
  const rows = await db
    .selectFrom('events')
    .leftJoin('hosts', 'hosts.host_id', 'events.host_id')
    .select(['events.event_id', 'events.kind', 'hosts.name', 'events.detail', 'events.recorded_at'])
    .where('events.account_id', '=', accountId)
    .where('events.desktop_id', '=', desktopId)
    .orderBy('events.event_id', 'desc')
    .limit(eventsMax)
    .execute();
  return rows.map((row) => ({ eventId: row.event_id, kind: row.kind, hostName: row.name, detail: row.detail, timeMs: row.recorded_at.getTime() }));
}

/** Where it came from and what came from it, as the forks were recorded. The names are those of now. */
export async function readForks(db: Queries, accountId: AccountId, desktopId: DesktopId): Promise<Pick<DesktopDetail, 'forkedFrom' | 'forks'>> {
  const { rows: origins } = await sql<{ desktop_id: DesktopId; name: string | null; sequence: number }>`
    select (e.detail->>'from')::uuid as desktop_id, d.name, (e.detail->>'sequence')::bigint as sequence
    from events e left join desktops d on d.account_id = e.account_id and d.desktop_id = (e.detail->>'from')::uuid
    where e.account_id = ${accountId} and e.desktop_id = ${desktopId} and e.kind = 'desktop-forked' limit 1`.execute(db);
  const { rows: forks } = await forkQuery(accountId, desktopId).execute(db);
  const [origin] = origins;
  return {
    forkedFrom: origin === undefined ? null : { desktopId: origin.desktop_id, name: origin.name, sequence: origin.sequence },
    forks: forks.map((row) => ({ desktopId: row.desktop_id, name: row.name, sequence: row.sequence })),
  };
}

export function forkQuery(accountId: AccountId, desktopId: DesktopId): RawBuilder<{ desktop_id: DesktopId; name: string; sequence: number }> {
  return sql`
    select e.desktop_id, d.name, (e.detail->>'sequence')::bigint as sequence
    from events e join desktops d on d.account_id = e.account_id and d.desktop_id = e.desktop_id
    where e.account_id = ${accountId} and e.detail->>'from' = ${desktopId} and e.kind = 'desktop-forked' order by e.event_id desc limit ${forksMax}`;
}
