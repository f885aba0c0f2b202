import type { Database } from '../database/database.ts';
import type { OperatorsHub } from '../operators/operators-hub.ts';
import type { Collector } from '../prune/collector.ts';
import type { PruneService } from '../prune/prune.service.ts';
import type { Bus } from '../replicas/bus.ts';
import type { Pace } from './attempts.ts';
import { recordRun } from './job-runs.ts';
import type { Attempt } from './rounds.ts';

/** One round of a job; what it did, in figures. */
export type Work = (signal: AbortSignal) => Promise<Record<string, number>>;

/** Each attempt on record and told to operators. */
export function onRecord(works: Readonly<Record<string, Work>>, { db, bus, news, pace }: { readonly db: Database; readonly bus: Bus; readonly news: Pick<OperatorsHub, 'publish'>; readonly pace: Pace }): Record<string, Attempt> {
  return Object.fromEntries(Object.entries(works).map(([job, work]) => [job, async (attempt: number, signal: AbortSignal): Promise<void> => {
    await recordRun(db, { job, replica: bus.replica, attempt, pace }, () => work(signal)).finally(() => {
      news.publish({ type: 'store-changed' });
      news.publish({ type: 'attention-changed' });
    });
  }]));
}

/** Drops what policies no longer keep, then deletes what nothing needs, account by account. */
export function pruneAll(db: Database, service: PruneService, collector: Collector): Work {
  return async (signal) => {
    await service.applyPolicies(signal);
    const freed = { objects: 0, bytes: 0 };
    for (const { account_id: accountId } of await db.selectFrom('accounts').select('account_id').execute()) {
      const { objects, bytes } = await collector.collect(accountId, signal);
      [freed.objects, freed.bytes] = [freed.objects + objects, freed.bytes + bytes];
    }
    return freed;
  };
}
