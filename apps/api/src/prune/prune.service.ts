import { Inject, Injectable } from '@nestjs/common';
import { Fault, type DesktopId } from '@godwit/base';
import { openPolicy } from '@godwit/snapshot';
import { bytesOf, textOf, type AnswerOf, type BodyOf, type Routes } from '@godwit/wire';
import { inTransaction, reached, type Database, type Trx } from '../database/database.ts';
import type { Caller } from '../http/caller.ts';
import { readLease, requireCurrent } from '../leases/lease.transitions.ts';
import { databaseToken } from '../tokens.ts';
import { Collector } from './collector.ts';
import { lockForCollection } from './collection-lock.ts';
import { condemn, dropCheckpoints, readWaste } from './collection.transitions.ts';
import { applicablePolicies, findPolicy, savePolicy } from './policies.ts';
import { Upkeep } from '../jobs/upkeep.ts';

type Pruned = AnswerOf<Routes['pruneDesktop']>;

/** How long a request deletes; the rest is the job's. Below what an agent waits for an answer. */
const deleteMs = 8_000;

@Injectable()
export class PruneService {
  readonly #db: Database;
  readonly #collector: Collector;
  readonly #graceMs: number;

  constructor(@Inject(databaseToken) db: Database, @Inject(Collector) collector: Collector, @Inject(Upkeep) { graceMs }: Upkeep) {
    this.#db = db;
    this.#collector = collector;
    this.#graceMs = graceMs;
  }

  /** Stores the policy, drops what it does not keep and condemns what nothing needs then: one transaction. Then deletes what is due. */
  async prune(caller: Caller, desktopId: DesktopId, { policy, dryRun }: BodyOf<Routes['pruneDesktop']>): Promise<Pruned> {
    const { accountId, hostId } = caller;
    const change = async (trx: Trx): Promise<Omit<Pruned, 'freed' | 'graceMs'>> => {
      await lockForCollection(trx, accountId);
      await requireCurrent(trx, caller);
      await readLease(trx, accountId, desktopId);
      if (policy !== null) await savePolicy(trx, caller, desktopId, bytesOf(policy));
      const applied = await findPolicy(trx, accountId, desktopId);
      const { dropped, kept } = await dropCheckpoints(trx, { accountId, desktopId, hostId }, applied ?? everything);
      await condemn(trx, accountId, this.#graceMs);
      return { policy: applied === undefined ? null : textOf(applied.bytes), dropped, kept, ...(await readWaste(trx, accountId)) };
    };
    if (dryRun) return { ...(await this.#onlyLook(change)), freed: { objects: 0, bytes: 0 }, graceMs: this.#graceMs };
    const done = await inTransaction(this.#db, change);
    const freed = await this.#collector.collect(accountId, AbortSignal.timeout(deleteMs));
    return { ...done, ...(await reached(() => readWaste(this.#db, accountId))), freed, graceMs: this.#graceMs };
  }

  /** Applies the stored policies of all desktops whose signer is still a host of the account. */
  async applyPolicies(signal: AbortSignal): Promise<void> {
    for (const { accountId, desktopId, hostId, signPublic, bytes } of await reached(() => applicablePolicies(this.#db))) {
      if (signal.aborted) return;
      const policy = openPolicy(bytes, signPublic);
      await inTransaction(this.#db, async (trx) => {
        await lockForCollection(trx, accountId);
        // Another request may have stored a later one since.
        const current = await findPolicy(trx, accountId, desktopId);
        if (current?.bytes.equals(bytes) === true) await dropCheckpoints(trx, { accountId, desktopId, hostId }, policy);
      });
    }
  }

  async #onlyLook<Result>(change: (trx: Trx) => Promise<Result>): Promise<Result> {
    let result: { readonly value: Result } | undefined;
    try {
      await inTransaction(this.#db, async (trx) => {
        result = { value: await change(trx) };
        throw new Fault('CANCELLED', { subject: 'dry run' });
      });
    } catch (error) {
      if (result === undefined) throw error;
    }
    if (result === undefined) throw new Fault('INTERNAL', { expected: 'a result of the dry run' });
    return result.value;
  }
}

/** Without a policy nothing is dropped. */
const everything = { last: Number.MAX_SAFE_INTEGER, hourly: 0, daily: 0 };
