import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { Fault } from '@godwit/base';
import { desktopCondition, protection, type Attention, type DesktopRow, type Operator, type Overview, type Protection } from '@godwit/wire';
import { Coordinator } from '../coordinator-identity.ts';
import { databaseNowMs } from '../database/database-clock.ts';
import { inTransaction, reached, type Database } from '../database/database.ts';
import { EventsHub } from '../events/hub.ts';
import { isInReach } from '../hosts/reach.ts';
import { readDeadLetters } from '../jobs/dead-letters.ts';
import { Upkeep } from '../jobs/upkeep.ts';
import { isUnderWay, readMoves } from '../moves/move-rows.ts';
import { conditionOf, protectionOf, standing } from '../operator-desktops/standing.ts';
import { isBehind, mayAct, outOfDateVersions } from '../operator-hosts/host-list.ts';
import { OperatorStoreService } from '../operator-store/operator-store.service.ts';
import { recordAct } from '../operators/acts.ts';
import { OperatorsHub } from '../operators/operators-hub.ts';
import { databaseToken } from '../tokens.ts';
import type { Look } from '../notify/changes.ts';
import { acknowledge, readAcknowledged, withAcknowledged } from './acknowledged.ts';
import { attend, attentionMax } from './attention.ts';
import { failedNewsMs, readDamagedDesktops, readExposed, readLostHosts, readOldHosts, readTroubled } from './facts.ts';

const movesMax = 100;

/** The first page: who needs a person, then what there is. */
@Injectable()
export class OverviewService {
  readonly #db: Database;
  readonly #coordinator: Coordinator;
  readonly #hub: EventsHub;
  readonly #store: OperatorStoreService;
  readonly #upkeep: Upkeep;
  readonly #news: OperatorsHub;

  constructor(
    @Inject(databaseToken) db: Database,
    @Inject(Coordinator) coordinator: Coordinator,
    @Inject(EventsHub) hub: EventsHub,
    @Inject(OperatorStoreService) store: OperatorStoreService,
    @Inject(Upkeep) upkeep: Upkeep,
    @Inject(OperatorsHub) news: OperatorsHub,
  ) {
    this.#db = db;
    this.#coordinator = coordinator;
    this.#hub = hub;
    this.#store = store;
    this.#upkeep = upkeep;
    this.#news = news;
  }

  async read(): Promise<Overview> {
    const versions = await this.#oldVersions();
    const [list, given, desktops, hosts, moves, failedLastDay, { liveBytes, deadBytes, objects }, nowMs] = await Promise.all([
      this.#attention(versions), reached(() => readAcknowledged(this.#db)), this.#countDesktops(), this.#countHosts(versions), readMoves(this.#db, isUnderWay, movesMax), this.#countFailed(), this.#store.state(), databaseNowMs(this.#db),
    ]);
    // The list's own clock was read before: what is true now is not older than that.
    const attention = withAcknowledged(list.entries, given, list.nowMs);
    return { nowMs, version: this.#coordinator.version, attention, ...desktops, hosts, moves, failedLastDay, store: { liveBytes, deadBytes, objects } };
  }

  /** What needs a person, the worst first. */
  async attention(): Promise<Attention[]> {
    return (await this.#attention(await this.#oldVersions())).entries;
  }

  /** The same with who takes care of it, for whoever is told outside. */
  async look(): Promise<Look> {
    const [{ entries, nowMs }, given] = await Promise.all([this.#attention(await this.#oldVersions()), reached(() => readAcknowledged(this.#db))]);
    return { list: withAcknowledged(entries, given, nowMs), isCut: entries.length === attentionMax, nowMs };
  }

  /** An operator says that they take care of it, or takes that back. Throws ATTENTION_NOT_FOUND. */
  async acknowledge(by: Operator, id: string, acknowledged: boolean): Promise<void> {
    const list = await this.attention();
    const entry = list.find((each) => each.id === id);
    if (entry === undefined) throw new Fault('ATTENTION_NOT_FOUND');
    await inTransaction(this.#db, async (trx) => {
      await acknowledge(trx, list, entry, acknowledged ? by.name : null);
      await recordAct(trx, by, acknowledged ? 'attention-acknowledged' : 'attention-returned', { subject: entry.text });
    });
    this.#news.publish({ type: 'attention-changed' });
  }

  #oldVersions(): Promise<readonly string[]> {
    return reached(() => outOfDateVersions({ db: this.#db, version: this.#coordinator.version, streaming: [] }));
  }

  /** With the time of the clock that it was made by. */
  async #attention(versions: readonly string[]): Promise<{ readonly entries: Attention[]; readonly nowMs: number }> {
    const streaming = this.#hub.streaming();
    const [nowMs, lostHosts, exposed, moves, oldHosts, damaged, deadLetters, store] = await Promise.all([
      databaseNowMs(this.#db), readLostHosts(this.#db, streaming), readExposed(this.#db), readTroubled(this.#db), readOldHosts(this.#db, versions), readDamagedDesktops(this.#db), readDeadLetters(this.#db),
      this.#store.state(),
    ]);
    const { liveBytes, deadBytes, freeBytes, fullAtMs, oldestUnlookedMs } = store;
    const entries = attend({
      nowMs, version: this.#coordinator.version, lostHosts, exposed, moves, oldHosts, damaged,
      failedJobs: deadLetters.map(({ job, fault, firstMs }) => ({ job, fault, sinceMs: firstMs })),
      scrub: { oldestMs: oldestUnlookedMs, againMs: this.#upkeep.scrubAgainMs },
      store: { usedBytes: liveBytes + deadBytes, freeBytes, fullAtMs },
    });
    return { entries, nowMs };
  }

  async #countDesktops(): Promise<Pick<Overview, 'desktops' | 'protection'>> {
    const { rows } = await reached(() => sql<{ condition: DesktopRow['condition']; protection: Protection; desktops: number }>`
      select condition, protection, count(*) as desktops
      from (select ${conditionOf(this.#hub.streaming())} as condition, ${protectionOf} as protection from ${standing}) every_desktop group by 1, 2`.execute(this.#db));
    const sum = (of: readonly typeof rows[number][]): number => of.reduce((total, row) => total + row.desktops, 0);
    return {
      desktops: Object.fromEntries(desktopCondition.options.map((condition) => [condition, sum(rows.filter((row) => row.condition === condition))])) as Overview['desktops'],
      protection: Object.fromEntries(protection.options.map((kind) => [kind, sum(rows.filter((row) => row.protection === kind))])) as Overview['protection'],
    };
  }

  async #countHosts(versions: readonly string[]): Promise<Overview['hosts']> {
    const { rows: [row] } = await reached(() => sql<Overview['hosts']>`
      select count(*) as current, count(*) filter (where ${isInReach(this.#hub.streaming())}) as "inReach", count(*) filter (where ${isBehind(versions)}) as "outOfDate"
      from hosts h where ${mayAct}`.execute(this.#db));
    return { current: row?.current ?? 0, inReach: row?.inReach ?? 0, outOfDate: row?.outOfDate ?? 0 };
  }

  async #countFailed(): Promise<number> {
    const { rows: [row] } = await reached(() => sql<{ failed: number }>`
      select count(*) as failed from moves where state = 'failed' and told_at > now() - make_interval(secs => ${failedNewsMs / 1000})`.execute(this.#db));
    return row?.failed ?? 0;
  }
}
