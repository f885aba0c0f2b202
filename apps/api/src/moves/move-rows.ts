import { sql, type RawBuilder } from 'kysely';
import type { AccountId, DesktopId, HostId } from '@godwit/base';
import type { Move, MoveReport } from '@godwit/wire';
import { reached, type Queries } from '../database/database.ts';

/** A host that goes on tells at least every few seconds: after so long without a word of a running move it counts as lost. */
export const lostAfterMs = 60_000;

interface Row {
  readonly account_id: AccountId;
  readonly desktop_id: DesktopId;
  readonly move_id: string;
  readonly host_id: HostId;
  readonly epoch: number;
  readonly state: Move['state'];
  readonly told: Omit<MoveReport, 'moveId' | 'epoch'>;
  readonly started_at: Date;
  readonly told_at: Date;
  readonly desktop_name: string;
  readonly host_name: string;
}

const isSilent = sql<boolean>`mv.told_at <= now() - make_interval(secs => ${lostAfterMs / 1000})`;
/** Among running moves: still told of. */
export const isUnderWay = sql<boolean>`(mv.state = 'running' and not ${isSilent})`;

/** The moves `mv` of a state; `lost` and `running` share what the table calls running. */
export function hasState(state: Move['state']): RawBuilder<boolean> {
  if (state === 'lost') return sql`(mv.state = 'running' and ${isSilent})`;
  return state === 'running' ? isUnderWay : sql`mv.state = ${state}`;
}

/** Newest first, of those that `where` says; it names the table `mv`. */
export async function readMoves(db: Queries, where: RawBuilder<boolean>, most: number): Promise<Move[]> {
  const { rows } = await reached(() => moveQuery(where, most).execute(db));
  return rows.map((row) => ({
    ...row.told,
    moveId: row.move_id,
    accountId: row.account_id,
    desktopId: row.desktop_id,
    desktopName: row.desktop_name,
    hostId: row.host_id,
    hostName: row.host_name,
    epoch: row.epoch,
    state: row.state,
    startedMs: row.started_at.getTime(),
    toldMs: row.told_at.getTime(),
  }));
}

export function moveQuery(where: RawBuilder<boolean>, most: number): RawBuilder<Row> {
  return sql<Row>`
    select mv.account_id, mv.desktop_id, mv.move_id, mv.host_id, mv.epoch, mv.told, mv.started_at, mv.told_at,
      case when mv.state = 'running' and ${isSilent} then 'lost' else mv.state end as state, d.name as desktop_name, h.name as host_name
    from moves mv join desktops d on d.account_id = mv.account_id and d.desktop_id = mv.desktop_id join hosts h on h.host_id = mv.host_id
    where ${where} order by mv.started_at desc limit ${most}`;
}
