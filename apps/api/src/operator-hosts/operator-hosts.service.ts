import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { Fault, type AccountId, type HostId } from '@godwit/base';
import { chainLengthLimit, type AnswerOf, type BodyOf, type Operator, type OperatorHost, type QueryOf, type Routes, type Trust } from '@godwit/wire';
import { record } from '../audit/record.ts';
import { Coordinator } from '../coordinator-identity.ts';
import { inTransaction, reached, type Database } from '../database/database.ts';
import { EventsHub } from '../events/hub.ts';
import { recordAct } from '../operators/acts.ts';
import { OperatorsHub } from '../operators/operators-hub.ts';
import { databaseToken } from '../tokens.ts';
import { listHosts, readHosts, type HostsSight } from './host-list.ts';
import { trustEntries } from './trust.ts';

/** Hosts of all accounts, for operators, and the one thing that they may do about one: keep it out, or let it in again. */
@Injectable()
export class OperatorHostsService {
  readonly #db: Database;
  readonly #coordinator: Coordinator;
  readonly #hub: EventsHub;
  readonly #news: OperatorsHub;

  constructor(@Inject(databaseToken) db: Database, @Inject(Coordinator) coordinator: Coordinator, @Inject(EventsHub) hub: EventsHub, @Inject(OperatorsHub) news: OperatorsHub) {
    this.#db = db;
    this.#coordinator = coordinator;
    this.#hub = hub;
    this.#news = news;
  }

  list(query: QueryOf<Routes['listAllHosts']>): Promise<AnswerOf<Routes['listAllHosts']>> {
    return listHosts(this.#sight, { ...query, from: Number(query.from ?? 0) });
  }

  async trust(accountId: AccountId): Promise<Trust> {
    return reached(async () => {
      const chain = await this.#db.selectFrom('chain_entries').select('entry').where('account_id', '=', accountId).orderBy('position').execute();
      if (chain.length === 0) throw new Fault('ACCOUNT_NOT_FOUND');
      const hosts = await readHosts(this.#sight, sql`h.account_id = ${accountId}`, 0, chainLengthLimit);
      return { accountId, entries: trustEntries(chain.map(({ entry }) => entry)), hosts };
    });
  }

  /** From now on every request of a barred host is HOST_BARRED, and its streams end. Its account's chain is not touched. Repeating it changes nothing. */
  async bar(operator: Pick<Operator, 'operatorId' | 'name'>, hostId: HostId, { barred, reason }: BodyOf<Routes['barHost']>): Promise<OperatorHost> {
    const change = await inTransaction(this.#db, async (trx) => {
      const row = await trx.selectFrom('hosts').select(['account_id', 'name', 'barred_at']).where('host_id', '=', hostId).forUpdate().executeTakeFirst();
      if (row === undefined) throw new Fault('DEVICE_UNKNOWN', { subject: hostId });
      const accountId = row.account_id;
      if ((row.barred_at !== null) === barred) return { accountId, changed: false };
      await trx.updateTable('hosts').set(barred ? { barred_at: sql<Date>`clock_timestamp()`, barred_reason: reason } : { barred_at: null, barred_reason: null }).where('host_id', '=', hostId).execute();
      await record(trx, { accountId, kind: barred ? 'host-barred' : 'host-admitted', detail: { subject: hostId, operator: operator.name, reason }, leaf: { subject: hostId } });
      await recordAct(trx, operator, barred ? 'host-barred' : 'host-admitted', { subject: row.name, detail: { reason, host: hostId } });
      return { accountId, changed: true };
    });
    if (barred) this.#hub.cut(hostId);
    if (change.changed) this.#news.publish({ type: 'host-changed', accountId: change.accountId, hostId });
    const [host] = await reached(() => readHosts(this.#sight, sql`h.host_id = ${hostId}`));
    if (host === undefined) throw new Fault('DEVICE_UNKNOWN', { subject: hostId });
    return host;
  }

  get #sight(): HostsSight {
    return { db: this.#db, version: this.#coordinator.version, streaming: this.#hub.streaming() };
  }
}
