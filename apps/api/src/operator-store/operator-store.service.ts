import { Inject, Injectable } from '@nestjs/common';
import type { Clock } from '@godwit/base';
import type { StoreView } from '@godwit/wire';
import type { Database } from '../database/database.ts';
import { readDeadLetters } from '../jobs/dead-letters.ts';
import { readRuns } from '../jobs/job-runs.ts';
import { CoordinatorStore } from '../objects/coordinator-store.ts';
import { SecondBucket } from '../second-bucket/second-bucket.ts';
import { clockToken, databaseToken } from '../tokens.ts';
import { fullAt } from './growth.ts';
import { keepToday, readByDesktop, readCoverage, readDamaged, readDays, readReachedBytes, readToday } from './store-figures.ts';

/** What the overview and its list need of the store. */
export type StoreState = Pick<StoreView, 'liveBytes' | 'deadBytes' | 'objects' | 'freeBytes' | 'fullAtMs' | 'secondBucket'> & { readonly oldestUnlookedMs: number | null };

const runsMax = 100;
/** Sums over all objects are asked of the database at most so often, however many pages look. */
const stateKeepMs = 10_000;

/** The store as operators see it. */
@Injectable()
export class OperatorStoreService {
  readonly #db: Database;
  readonly #objects: Pick<CoordinatorStore, 'freeBytes'>;
  readonly #second: Pick<SecondBucket, 'standing'>;
  readonly #clock: Clock;
  #state: { readonly atMs: number; readonly value: Promise<StoreState> } | undefined;

  constructor(@Inject(databaseToken) db: Database, @Inject(CoordinatorStore) objects: Pick<CoordinatorStore, 'freeBytes'>, @Inject(SecondBucket) second: Pick<SecondBucket, 'standing'>, @Inject(clockToken) clock: Clock) {
    this.#db = db;
    this.#objects = objects;
    this.#second = second;
    this.#clock = clock;
  }

  async view(): Promise<StoreView> {
    const growth = await this.#growth();
    const [{ liveBytes, deadBytes, objects, freeBytes, fullAtMs, secondBucket }, coverage, damaged, desktops, runs, deadLetters, reachedBytes] = await Promise.all([
      this.#stateOf(growth), readCoverage(this.#db), readDamaged(this.#db), readByDesktop(this.#db), readRuns(this.#db, runsMax), readDeadLetters(this.#db), readReachedBytes(this.#db),
    ]);
    return { liveBytes, deadBytes, objects, freeBytes, fullAtMs, dedupFactor: liveBytes === 0 ? null : reachedBytes / liveBytes, desktops, scrub: { ...coverage, damaged }, runs, deadLetters, growth, secondBucket };
  }

  /** At most ten seconds old. */
  state(): Promise<StoreState> {
    const nowMs = this.#clock.workMs();
    if (this.#state === undefined || nowMs - this.#state.atMs > stateKeepMs) {
      const value = this.#read();
      this.#state = { atMs: nowMs, value };
      value.catch(() => (this.#state = undefined));
    }
    return this.#state.value;
  }

  /** One round of the job that keeps the store's growth on record. */
  async measure(): Promise<Record<string, number>> {
    const { liveBytes, deadBytes, objects } = await keepToday(this.#db);
    return { liveBytes, deadBytes, objects };
  }

  async #stateOf(growth: StoreView['growth']): Promise<Omit<StoreState, 'oldestUnlookedMs'>> {
    const [freeBytes, secondBucket] = await Promise.all([this.#objects.freeBytes(), this.#second.standing(this.#db)]);
    const { liveBytes = 0, deadBytes = 0, objects = 0 } = growth.at(-1) ?? {};
    return { liveBytes, deadBytes, objects, freeBytes, fullAtMs: fullAt(growth, freeBytes, this.#clock.wallMs()), secondBucket };
  }

  /** Day by day; the last one is today, as it is now. */
  async #growth(): Promise<StoreView['growth']> {
    const [days, today] = await Promise.all([readDays(this.#db), readToday(this.#db)]);
    return [...days, today];
  }

  async #read(): Promise<StoreState> {
    const [state, coverage] = await Promise.all([this.#growth().then((growth) => this.#stateOf(growth)), readCoverage(this.#db)]);
    return { ...state, oldestUnlookedMs: coverage.oldestMs };
  }
}
