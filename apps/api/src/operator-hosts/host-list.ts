import { sql, type RawBuilder } from 'kysely';
import type { AccountId, DesktopId, HostId } from '@godwit/base';
import { operatorPageLimit, type HostReport, type OperatorHost } from '@godwit/wire';
import { reached, type Queries } from '../database/database.ts';
import { isInReach } from '../hosts/reach.ts';
import { isOutOfDate } from './out-of-date.ts';

/** What of the running coordinator a list of hosts depends on. */
export interface HostsSight {
  readonly db: Queries;
  /** The coordinator's version. */
  readonly version: string;
  /** Hosts with a stream of events open. */
  readonly streaming: readonly HostId[];
}

export interface HostsWish {
  readonly search?: string | undefined;
  readonly state?: OperatorHost['state'] | 'in-reach' | 'out-of-reach' | 'out-of-date' | undefined;
  /** How many rows to leave out. */
  readonly from?: number;
}

interface Row {
  readonly host_id: HostId;
  readonly account_id: AccountId;
  readonly name: string;
  readonly state: OperatorHost['state'];
  readonly joined_at: Date;
  readonly last_contact_at: Date | null;
  readonly in_reach: boolean;
  readonly report: HostReport | null;
}

const holdsMax = 256;
const stateOf = sql<OperatorHost['state']>`case when not h.current then 'revoked' when h.barred_at is not null then 'barred' else 'current' end`;
export const mayAct = sql<boolean>`(h.current and h.barred_at is null)`;

/** One page by name, and how many there are in all. */
export async function listHosts(sight: HostsSight, wish: HostsWish): Promise<{ hosts: OperatorHost[]; total: number }> {
  return reached(async () => {
    const where = filterOf(sight.streaming, wish, await outOfDateVersions(sight));
    const { rows: [counted] } = await sql<{ total: number }>`select count(*) as total from hosts h where ${where}`.execute(sight.db);
    return { hosts: await readHosts(sight, where, wish.from ?? 0), total: counted?.total ?? 0 };
  });
}

/** Hosts `h` that `where` says, by name. */
export async function readHosts(sight: HostsSight, where: RawBuilder<boolean>, from = 0, most: number = operatorPageLimit): Promise<OperatorHost[]> {
  const { rows } = await hostQuery(sight.streaming, where, from, most).execute(sight.db);
  const holds = await readHolds(sight.db, rows);
  return rows.map((row) => ({
    accountId: row.account_id,
    hostId: row.host_id,
    name: row.name,
    state: row.state,
    joinedMs: row.joined_at.getTime(),
    lastContactMs: row.last_contact_at?.getTime() ?? null,
    inReach: row.in_reach,
    outOfDate: row.report !== null && isOutOfDate(row.report.agentVersion, sight.version),
    report: row.report,
    holds: holds.get(row.host_id) ?? [],
  }));
}

export function hostQuery(streaming: readonly HostId[], where: RawBuilder<boolean>, from: number, most: number): RawBuilder<Row> {
  return sql<Row>`
    select h.host_id, h.account_id, h.name, ${stateOf} as state, h.joined_at, h.last_contact_at, ${isInReach(streaming)} as in_reach, h.report
    from hosts h where ${where} order by lower(h.name), h.host_id limit ${most} offset ${from}`;
}

/** Those of the versions that hosts told which are too old: a handful, so that a query can name them. */
export async function outOfDateVersions({ db, version }: HostsSight): Promise<string[]> {
  const { rows } = await sql<{ told: string | null }>`select distinct report->>'agentVersion' as told from hosts`.execute(db);
  return rows.flatMap(({ told }) => (told !== null && isOutOfDate(told, version) ? [told] : []));
}

/** Hosts `h` that may act and have told one of these versions. */
export function isBehind(versions: readonly string[]): RawBuilder<boolean> {
  return sql`${mayAct} and h.report->>'agentVersion' = any(${[...versions]}::text[])`;
}

function filterOf(streaming: readonly HostId[], { search, state }: HostsWish, versions: readonly string[]): RawBuilder<boolean> {
  const parts = [sql<boolean>`true`];
  if (search !== undefined && search !== '') {
    const text = search.toLowerCase();
    parts.push(sql`(strpos(lower(h.name), ${text}) > 0 or starts_with(replace(h.host_id::text, '-', ''), ${text}) or starts_with(replace(h.account_id::text, '-', ''), ${text}))`);
  }
  if (state === 'in-reach') parts.push(sql`${mayAct} and ${isInReach(streaming)}`);
  else if (state === 'out-of-reach') parts.push(sql`${mayAct} and not ${isInReach(streaming)}`);
  else if (state === 'out-of-date') parts.push(isBehind(versions));
  else if (state !== undefined) parts.push(sql`${stateOf} = ${state}`);
  return sql.join<boolean>(parts, sql` and `);
}

async function readHolds(db: Queries, hosts: readonly Pick<Row, 'host_id'>[]): Promise<Map<HostId, OperatorHost['holds']>> {
  const holds = new Map<HostId, { desktopId: DesktopId; name: string }[]>();
  if (hosts.length === 0) return holds;
  const { rows } = await holdQuery(hosts.map((host) => host.host_id)).execute(db);
  for (const row of rows) {
    const list = holds.get(row.holder_id) ?? [];
    if (list.length === 0) holds.set(row.holder_id, list);
    list.push({ desktopId: row.desktop_id, name: row.name });
  }
  return holds;
}

export function holdQuery(hostIds: readonly HostId[]): RawBuilder<{ holder_id: HostId; desktop_id: DesktopId; name: string }> {
  return sql`
    select held.holder_id, held.desktop_id, held.name from unnest(${[...hostIds]}::uuid[]) as asked (host_id)
    cross join lateral (select holder_id, desktop_id, name from desktops where held and holder_id = asked.host_id order by name limit ${holdsMax}) held`;
}
