import { sql, type RawBuilder } from 'kysely';
import type { HostId } from '@godwit/base';

/** A host counts as in reach for so long after it was last heard of: the longest silence of one that is there is below it. */
export const inReachMs = 60_000;

/** Whether host `h` of a query is in reach: a stream of events of it is open here, or it was heard of lately. */
export function isInReach(streaming: readonly HostId[]): RawBuilder<boolean> {
  return sql<boolean>`(coalesce(h.last_contact_at > now() - make_interval(secs => ${inReachMs / 1000}), false) or h.host_id = any(${[...streaming]}::uuid[]))`;
}
