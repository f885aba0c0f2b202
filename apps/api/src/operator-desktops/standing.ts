import { sql, type RawBuilder } from 'kysely';
import type { HostId } from '@godwit/base';
import { protectionLimits, type DesktopRow, type Protection } from '@godwit/wire';
import { isInReach } from '../hosts/reach.ts';
import { lostAfterMs } from '../moves/move-rows.ts';

/** How a desktop stands, as expressions of SQL over desktop `d`, its holder `h` and its move under way `m` (`standing`). */

const ago = (ms: number) => sql`now() - make_interval(secs => ${ms / 1000})`;

/** Since when what is not in the store may have come to be: the index desktops_by_durable is of this. */
export const durableAt = sql<Date>`coalesce(d.durable_at, d.created_at)`;
/** What of it is with its host only. */
export const isExposed = sql<boolean>`(d.held or d.head_sequence is null)`;

/** Desktops with their holder and the suspend or resume that is under way; a resume is over for this when its guest runs. */
export const standing = sql`
  desktops d join hosts h on h.host_id = d.holder_id
  left join (
    select distinct on (account_id, desktop_id) account_id, desktop_id, kind from moves
    where state = 'running' and told_at > ${ago(lostAfterMs)} and kind <> 'checkpoint' and told->>'runningMs' is null
    order by account_id, desktop_id, started_at desc
  ) m on m.account_id = d.account_id and m.desktop_id = d.desktop_id`;

export function conditionOf(streaming: readonly HostId[]): RawBuilder<DesktopRow['condition']> {
  return sql`case
    when m.kind = 'suspend' then 'departing' when m.kind = 'resume' then 'arriving'
    when d.head_sequence is null then 'new' when not d.held then 'free'
    when ${isInReach(streaming)} then 'held' else 'out-of-reach' end`;
}

export const protectionOf = sql<Protection>`case
  when not ${isExposed} then 'safe'
  when ${durableAt} >= ${ago(protectionLimits.freshMs)} then 'fresh'
  when ${durableAt} >= ${ago(protectionLimits.lateMs)} then 'late' else 'unprotected' end`;

/** The desktops of one protection, in words that the indexes know. */
export function hasProtection(protection: Protection): RawBuilder<boolean> {
  switch (protection) {
    case 'safe': return sql`not ${isExposed}`;
    case 'fresh': return sql`${isExposed} and ${durableAt} >= ${ago(protectionLimits.freshMs)}`;
    case 'late': return sql`${isExposed} and ${durableAt} < ${ago(protectionLimits.freshMs)} and ${durableAt} >= ${ago(protectionLimits.lateMs)}`;
    case 'unprotected': return sql`${isExposed} and ${durableAt} < ${ago(protectionLimits.lateMs)}`;
  }
}
