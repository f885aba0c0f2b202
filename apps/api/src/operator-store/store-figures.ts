import { sql } from 'kysely';
import { Fault, type AccountId, type DesktopId } from '@godwit/base';
import type { StoreView } from '@godwit/wire';
import { reached, type Queries } from '../database/database.ts';

type StoreDay = StoreView['growth'][number];

const biggestMax = 100;
const damagedMax = 100;
const daysMax = 400;

/** Bytes and objects of all accounts, as they are now. Dead: needed by no checkpoint any more, waiting to be deleted. */
export async function readToday(db: Queries): Promise<StoreDay> {
  const { rows: [row] } = await reached(() => sql<{ day_ms: number; live: number; dead: number; objects: number }>`
    select (extract(epoch from (now() at time zone 'utc')::date) * 1000)::bigint as day_ms, coalesce(sum(length_bytes) filter (where condemned_at is null), 0)::bigint as live,
      coalesce(sum(length_bytes) filter (where condemned_at is not null), 0)::bigint as dead, count(*) as objects from objects where stored`.execute(db));
  if (row === undefined) throw new Fault('INTERNAL', { expected: 'a row of sums' });
  return { dayMs: row.day_ms, liveBytes: row.live, deadBytes: row.dead, objects: row.objects };
}

/** All that the checkpoints reach, each counted for itself. */
export async function readReachedBytes(db: Queries): Promise<number> {
  const { rows: [row] } = await reached(() => sql<{ bytes: number }>`select coalesce(sum(stored_bytes), 0)::bigint as bytes from checkpoints where dropped_at is null`.execute(db));
  return row?.bytes ?? 0;
}

/** The biggest first. */
export async function readByDesktop(db: Queries): Promise<StoreView['desktops']> {
  const { rows } = await reached(() => sql<{ account_id: AccountId; desktop_id: DesktopId; name: string; bytes: number; objects: number }>`
    select s.account_id, s.desktop_id, d.name, s.bytes, s.objects from (
      select account_id, desktop_id, sum(length_bytes)::bigint as bytes, count(*) as objects from objects
      where condemned_at is null and stored and desktop_id is not null group by account_id, desktop_id order by bytes desc limit ${biggestMax}
    ) s join desktops d on d.account_id = s.account_id and d.desktop_id = s.desktop_id order by s.bytes desc, d.name`.execute(db));
  return rows.map((row) => ({ accountId: row.account_id, desktopId: row.desktop_id, name: row.name, liveBytes: row.bytes, objects: row.objects }));
}

/** How far scrub has come with what was committed; `oldestMs`: when the object that waits longest was stored or last looked at. */
export async function readCoverage(db: Queries): Promise<Pick<StoreView['scrub'], 'objects' | 'looked' | 'oldestMs'>> {
  const { rows: [row] } = await reached(() => sql<{ objects: number; looked: number; oldest: Date | null }>`
    select count(*) as objects, count(s.looked_at) as looked, min(coalesce(s.looked_at, o.stored_at)) as oldest
    from objects o left join scrubs s on s.account_id = o.account_id and s.object_key = o.object_key where o.committed and o.deleting_at is null`.execute(db));
  return { objects: row?.objects ?? 0, looked: row?.looked ?? 0, oldestMs: row?.oldest?.getTime() ?? null };
}

export async function readDamaged(db: Queries): Promise<StoreView['scrub']['damaged']> {
  const rows = await reached(() => db.selectFrom('scrubs').select(['object_key', 'finding', 'looked_at']).where('finding', 'is not', null).orderBy('account_id').orderBy('object_key').limit(damagedMax).execute());
  return rows.flatMap((row) => (row.finding === null ? [] : [{ key: row.object_key, finding: row.finding, lookedMs: row.looked_at.getTime() }]));
}

/** One row a day, the last measure of it. */
export async function keepToday(db: Queries): Promise<StoreDay> {
  const today = await readToday(db);
  await reached(() => sql`
    insert into store_days (day, live_bytes, dead_bytes, objects) values ((to_timestamp(${today.dayMs}::float8 / 1000) at time zone 'utc')::date, ${today.liveBytes}, ${today.deadBytes}, ${today.objects})
    on conflict (day) do update set live_bytes = excluded.live_bytes, dead_bytes = excluded.dead_bytes, objects = excluded.objects`.execute(db));
  return today;
}

/** Oldest first, without today; at most a bit over a year of them are kept. */
export async function readDays(db: Queries): Promise<StoreView['growth']> {
  const { rows } = await reached(() => sql<{ day_ms: number; live_bytes: number; dead_bytes: number; objects: number }>`
    select * from (
      select (extract(epoch from day) * 1000)::bigint as day_ms, live_bytes, dead_bytes, objects from store_days
      where day < (now() at time zone 'utc')::date order by day desc limit ${daysMax - 1}
    ) newest order by day_ms`.execute(db));
  return rows.map((row) => ({ dayMs: row.day_ms, liveBytes: row.live_bytes, deadBytes: row.dead_bytes, objects: row.objects }));
}
