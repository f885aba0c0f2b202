import { sql } from 'kysely';
import { reached, type Queries } from './database.ts';

/** What the database's clock says, by which all that is in it was written: whole milliseconds since 1970. Throws DATABASE_UNAVAILABLE. */
export async function databaseNowMs(db: Queries): Promise<number> {
  const { rows: [row] } = await reached(() => sql<{ now_ms: number }>`select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms`.execute(db));
  return row?.now_ms ?? 0;
}
