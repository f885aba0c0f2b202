import { sql, type RawBuilder } from 'kysely';
import type { AccountId, DesktopId, HostId } from '@godwit/base';
import { operatorPageLimit, type DesktopRow, type OfflineMode, type Protection } from '@godwit/wire';
import { reached, type Queries } from '../database/database.ts';
import { conditionOf, durableAt, hasProtection, protectionOf, standing } from './standing.ts';

/** What the list is asked for; all conditions together. */
export interface DesktopsWish {
  readonly search?: string | undefined;
  readonly condition?: DesktopRow['condition'] | undefined;
  readonly protection?: Protection | undefined;
  readonly hostId?: HostId | undefined;
  readonly sort?: 'name' | 'durable' | 'bytes' | undefined;
  /** How many rows to leave out. */
  readonly from?: number;
}

interface Row {
  readonly account_id: AccountId;
  readonly desktop_id: DesktopId;
  readonly name: string;
  readonly condition: DesktopRow['condition'];
  readonly holder_id: HostId;
  readonly holder_name: string;
  readonly held: boolean;
  readonly epoch: number;
  readonly offline: OfflineMode;
  readonly head_sequence: number | null;
  readonly durable_at: Date | null;
  readonly protection: Protection;
  readonly created_at: Date;
}

interface Extent {
  readonly account_id: AccountId;
  readonly desktop_id: DesktopId;
  readonly checkpoints: number;
  readonly stored_bytes: number;
}

/** One page, and how many there are in all. */
export async function listDesktops(db: Queries, streaming: readonly HostId[], wish: DesktopsWish): Promise<{ desktops: DesktopRow[]; total: number }> {
  return reached(async () => {
    const { rows: [counted] } = await sql<{ total: number }>`select count(*) as total from ${standing} where ${filterOf(streaming, wish)}`.execute(db);
    const { rows } = await pageQuery(streaming, wish).execute(db);
    return { desktops: await withExtents(db, rows), total: counted?.total ?? 0 };
  });
}

/** The one row of a desktop; undefined when there is none. */
export async function readDesktopRow(db: Queries, streaming: readonly HostId[], accountId: AccountId, desktopId: DesktopId): Promise<DesktopRow | undefined> {
  const { rows } = await sql<Row>`select ${columns(streaming)} from ${standing} where d.account_id = ${accountId} and d.desktop_id = ${desktopId}`.execute(db);
  const [row] = await withExtents(db, rows);
  return row;
}

export function pageQuery(streaming: readonly HostId[], wish: DesktopsWish): RawBuilder<Row> {
  return sql<Row>`
    select ${columns(streaming)} from ${standing} ${wish.sort === 'bytes' ? sizes : sql``}
    where ${filterOf(streaming, wish)} order by ${orders[wish.sort ?? 'name']} limit ${operatorPageLimit} offset ${wish.from ?? 0}`;
}

/** Checkpoints and bytes of at most a page of desktops. */
export function extentQuery(desktops: readonly Pick<Row, 'account_id' | 'desktop_id'>[]): RawBuilder<Extent> {
  return sql<Extent>`
    select p.account_id, p.desktop_id,
      (select count(*) from checkpoints c where c.account_id = p.account_id and c.desktop_id = p.desktop_id and c.dropped_at is null) as checkpoints,
      (select coalesce(sum(o.length_bytes), 0)::bigint from objects o where o.account_id = p.account_id and o.desktop_id = p.desktop_id and o.condemned_at is null) as stored_bytes
    from unnest(${desktops.map((row) => row.account_id)}::uuid[], ${desktops.map((row) => row.desktop_id)}::uuid[]) as p (account_id, desktop_id)`;
}

function columns(streaming: readonly HostId[]): RawBuilder<unknown> {
  return sql`d.account_id, d.desktop_id, d.name, ${conditionOf(streaming)} as condition, d.holder_id, h.name as holder_name, d.held, d.epoch, d.offline, d.head_sequence, d.durable_at,
    ${protectionOf} as protection, d.created_at`;
}

const sizes = sql`
  left join (select account_id, desktop_id, sum(length_bytes) as bytes from objects where condemned_at is null group by account_id, desktop_id) s
    on s.account_id = d.account_id and s.desktop_id = d.desktop_id`;

/** The account and the id come last, so that pages do not overlap. */
const orders = {
  name: sql`lower(d.name), d.account_id, d.desktop_id`,
  durable: sql`${durableAt}, d.account_id, d.desktop_id`,
  bytes: sql`coalesce(s.bytes, 0) desc, d.account_id, d.desktop_id`,
} as const;

function filterOf(streaming: readonly HostId[], { search, condition, protection, hostId }: DesktopsWish): RawBuilder<boolean> {
  const parts = [sql<boolean>`true`];
  if (search !== undefined && search !== '') parts.push(matches(search));
  if (condition !== undefined) parts.push(sql`${conditionOf(streaming)} = ${condition}`);
  if (protection !== undefined) parts.push(hasProtection(protection));
  if (hostId !== undefined) parts.push(sql`d.held and d.holder_id = ${hostId}`);
  return sql.join<boolean>(parts, sql` and `);
}

/** A part of its name or of its holder's, or the beginning of its id or its account's. */
function matches(search: string): RawBuilder<boolean> {
  const text = search.toLowerCase();
  const isIn = (field: string) => sql`strpos(lower(${sql.ref(field)}), ${text}) > 0`;
  const begins = (field: string) => sql`starts_with(replace(${sql.ref(field)}::text, '-', ''), ${text})`;
  return sql`(${isIn('d.name')} or (d.held and ${isIn('h.name')}) or ${begins('d.desktop_id')} or ${begins('d.account_id')})`;
}

async function withExtents(db: Queries, rows: readonly Row[]): Promise<DesktopRow[]> {
  if (rows.length === 0) return [];
  const extents = new Map((await extentQuery(rows).execute(db)).rows.map((extent) => [extent.account_id + extent.desktop_id, extent]));
  return rows.map((row) => {
    const extent = extents.get(row.account_id + row.desktop_id);
    return {
      accountId: row.account_id,
      desktopId: row.desktop_id,
      name: row.name,
      condition: row.condition,
      holder: row.held ? { hostId: row.holder_id, name: row.holder_name } : null,
      epoch: row.epoch,
      offline: row.offline,
      checkpoints: extent?.checkpoints ?? 0,
      headSequence: row.head_sequence,
      durableMs: row.durable_at?.getTime() ?? null,
      protection: row.protection,
      storedBytes: extent?.stored_bytes ?? 0,
      createdMs: row.created_at.getTime(),
    };
  });
}
