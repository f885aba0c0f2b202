import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { attention, type Overview, type StoreView } from '@godwit/wire';
import { reached, type Database } from '../database/database.ts';
import { EventsHub } from '../events/hub.ts';
import { mayAct } from '../operator-hosts/host-list.ts';
import { OperatorStoreService } from '../operator-store/operator-store.service.ts';
import { OverviewService } from '../overview/overview.service.ts';
import { databaseToken } from '../tokens.ts';

/** The fleet as the database knows it, in numbers. Times are seconds since 1970 by the database's clock; null where there is none. */
export interface FleetFigures extends Pick<Overview, 'desktops' | 'protection' | 'hosts'> {
  readonly leases: Readonly<Record<string, number>>;
  readonly health: Readonly<Record<string, number>>;
  readonly movesRunning: number;
  readonly liveBytes: number;
  readonly deadBytes: number;
  readonly objects: number;
  readonly freeBytes: number | null;
  readonly secondBucket: StoreView['secondBucket'];
  readonly oldestVerifiedSeconds: number | null;
  readonly oldestContactSeconds: number | null;
  readonly oldestDurableSeconds: number | null;
  readonly jobs: readonly { readonly job: string; readonly doneSeconds: number | null; readonly failing: boolean; readonly givenUp: boolean }[];
}

/** Reads them, once for whoever asks meanwhile. */
@Injectable()
export class FleetReader {
  readonly #db: Database;
  readonly #overview: OverviewService;
  readonly #store: OperatorStoreService;
  readonly #hub: EventsHub;
  #reading: Promise<FleetFigures> | undefined;

  constructor(@Inject(databaseToken) db: Database, @Inject(OverviewService) overview: OverviewService, @Inject(OperatorStoreService) store: OperatorStoreService, @Inject(EventsHub) hub: EventsHub) {
    [this.#db, this.#overview, this.#store, this.#hub] = [db, overview, store, hub];
  }

  /** How many hosts have a stream open, as far as this replica knows. */
  get streams(): number {
    return this.#hub.streaming().length;
  }

  /** Throws DATABASE_UNAVAILABLE. */
  read(): Promise<FleetFigures> {
    return (this.#reading ??= this.#read().finally(() => (this.#reading = undefined)));
  }

  async #read(): Promise<FleetFigures> {
    const [overview, store, leases, oldest, jobs] = await Promise.all([this.#overview.read(), this.#store.state(), this.#leases(), this.#oldest(), this.#jobs()]);
    const { desktops, protection, hosts, moves, attention: messages } = overview;
    const health = Object.fromEntries(attention.shape.severity.options.map((severity) => [severity, messages.filter((message) => message.severity === severity).length]));
    const { liveBytes, deadBytes, objects, freeBytes, secondBucket, oldestUnlookedMs } = store;
    return { desktops, protection, hosts, leases, health, movesRunning: moves.length, liveBytes, deadBytes, objects, freeBytes, secondBucket, oldestVerifiedSeconds: oldestUnlookedMs === null ? null : oldestUnlookedMs / 1000, ...oldest, jobs };
  }

  async #leases(): Promise<Record<string, number>> {
    const { rows } = await reached(() => sql<{ offline: string; desktops: number }>`select offline, count(*) as desktops from desktops where held group by offline`.execute(this.#db));
    return Object.fromEntries(rows.map(({ offline, desktops }) => [offline, desktops]));
  }

  async #oldest(): Promise<Pick<FleetFigures, 'oldestContactSeconds' | 'oldestDurableSeconds'>> {
    const { rows: [row] } = await reached(() => sql<{ contact: number | null; durable: number | null }>`
      select extract(epoch from min(coalesce(h.last_contact_at, h.joined_at)))::float8 as contact, extract(epoch from min(coalesce(d.durable_at, d.created_at)))::float8 as durable
      from desktops d join hosts h on h.host_id = d.holder_id where d.held and ${mayAct}`.execute(this.#db));
    return { oldestContactSeconds: row?.contact ?? null, oldestDurableSeconds: row?.durable ?? null };
  }

  async #jobs(): Promise<FleetFigures['jobs']> {
    const { rows } = await reached(() => sql<{ job: string; done: number | null; failing: boolean; given_up: boolean }>`
      with recursive jobs (job) as (
        (select job from job_runs order by job limit 1)
        union all select (select j.job from job_runs j where j.job > jobs.job order by j.job limit 1) from jobs where jobs.job is not null
      )
      select job,
        (select extract(epoch from r.ended_at)::float8 from job_runs r where r.job = jobs.job and r.state = 'done' order by r.run_id desc limit 1) as done,
        coalesce((select r.state = 'failed' from job_runs r where r.job = jobs.job and r.ended_at is not null order by r.run_id desc limit 1), false) as failing,
        exists (select 1 from dead_letters d where d.job = jobs.job) as given_up
      from jobs where job is not null`.execute(this.#db));
    return rows.map(({ job, done, failing, given_up: givenUp }) => ({ job, doneSeconds: done, failing, givenUp }));
  }
}
