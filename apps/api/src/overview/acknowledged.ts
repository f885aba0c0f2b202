import type { Attention, ShownAttention } from '@godwit/wire';
import type { Queries, Trx } from '../database/database.ts';

/** Who said that they take care of what needs a person. It holds for this time that it is there, and no worse than it was then. */

export interface Acknowledgement {
  readonly attentionId: string;
  readonly operatorName: string;
  readonly severity: Attention['severity'];
  readonly timeMs: number;
}

const ranks = { low: 0, medium: 1, high: 2 } as const;

/** The list in its order, but what somebody takes care of after all else. `nowMs`: the clock of the list's times. Pure. */
export function withAcknowledged(list: readonly Attention[], given: readonly Acknowledgement[], nowMs: number): ShownAttention[] {
  const byId = new Map(given.map((each) => [each.attentionId, each]));
  const shown = list.map((entry) => {
    const found = byId.get(entry.id);
    return { ...entry, acknowledged: found !== undefined && holds(entry, found, nowMs) ? { operatorName: found.operatorName, timeMs: found.timeMs } : null };
  });
  return [...shown.filter(({ acknowledged }) => acknowledged === null), ...shown.filter(({ acknowledged }) => acknowledged !== null)];
}

/** What has come again since is new. Of what is only true now (`sinceMs` is this instant) nobody knows since when. */
function holds({ sinceMs, severity }: Attention, { timeMs, severity: then }: Acknowledgement, nowMs: number): boolean {
  return ranks[severity] <= ranks[then] && (sinceMs <= timeMs || sinceMs >= nowMs);
}

export async function readAcknowledged(db: Queries): Promise<Acknowledgement[]> {
  const rows = await db.selectFrom('attention_acknowledged').selectAll().execute();
  return rows.map((row) => ({ attentionId: row.attention_id, operatorName: row.operator_name, severity: row.severity, timeMs: row.acknowledged_at.getTime() }));
}

/** Keeps it, and forgets what is not on the list any more, so that there are never more of them than the list is long. */
export async function acknowledge(trx: Trx, list: readonly Attention[], { id, severity }: Attention, operatorName: string | null): Promise<void> {
  await trx.deleteFrom('attention_acknowledged').where((of) => of.or([of('attention_id', '=', id), of('attention_id', 'not in', list.map((entry) => entry.id))])).execute();
  if (operatorName !== null) await trx.insertInto('attention_acknowledged').values({ attention_id: id, operator_name: operatorName, severity }).onConflict((conflict) => conflict.doNothing()).execute();
}
