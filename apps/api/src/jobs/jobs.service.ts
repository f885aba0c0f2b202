import { Inject, Injectable } from '@nestjs/common';
import type { Operator } from '@godwit/wire';
import { inTransaction, type Database, type Trx } from '../database/database.ts';
import { recordAct } from '../operators/acts.ts';
import { OperatorsHub } from '../operators/operators-hub.ts';
import { databaseToken } from '../tokens.ts';
import { noteAsked, putAway } from './dead-letters.ts';
import type { Rounds } from './rounds.ts';

/** What operators do about jobs that were given up. */
@Injectable()
export class JobsService {
  readonly #db: Database;
  readonly #news: OperatorsHub;
  #rounds: Pick<Rounds, 'begin'> | undefined;

  constructor(@Inject(databaseToken) db: Database, @Inject(OperatorsHub) news: OperatorsHub) {
    [this.#db, this.#news] = [db, news];
  }

  /** What runs the jobs; it is there once the coordinator has started. */
  runBy(rounds: Pick<Rounds, 'begin'>): void {
    this.#rounds = rounds;
  }

  /** Has it tried again now. Throws DEAD_LETTER_NOT_FOUND, REDIS_UNAVAILABLE: then it is on record that it was asked for, and may be asked for again. */
  async retry(by: Operator, job: string): Promise<void> {
    await inTransaction(this.#db, async (trx) => {
      await noteAsked(trx, job, by.name, false);
      await recordAct(trx, by, 'job-retried', { subject: job });
    });
    this.#tell();
    await this.#rounds?.begin(job);
  }

  /** Nobody is told of it any more, until it is given up again. Throws DEAD_LETTER_NOT_FOUND. */
  async putAway(by: Operator, job: string): Promise<void> {
    await inTransaction(this.#db, (trx) => putJobAway(trx, by, job));
    this.#tell();
  }

  #tell(): void {
    this.#news.publish({ type: 'store-changed' });
    this.#news.publish({ type: 'attention-changed' });
  }
}

/** `by`: null for whoever has the coordinator's machine. Throws DEAD_LETTER_NOT_FOUND. */
export async function putJobAway(trx: Trx, by: Operator | null, job: string): Promise<void> {
  const fault = await putAway(trx, job);
  await recordAct(trx, by, 'job-put-away', { subject: job, detail: { fault } });
}
