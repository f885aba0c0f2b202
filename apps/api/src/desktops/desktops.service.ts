import { Inject, Injectable } from '@nestjs/common';
import { Fault, type AccountId, type DesktopId, type Log } from '@godwit/base';
import { bytesOf, textOf, type AnswerOf, type BodyOf, type Desktop, type Routes } from '@godwit/wire';
import { inTransaction, reached, type Database } from '../database/database.ts';
import { EventsHub } from '../events/hub.ts';
import type { Caller } from '../http/caller.ts';
import { acquireDesktop, createDesktop, releaseDesktop, type OwnLease } from '../leases/lease.transitions.ts';
import { Renewals } from '../leases/renewals.ts';
import { readQuotas } from '../quotas/quotas.ts';
import { databaseToken, logToken } from '../tokens.ts';
import { changeOf, readDesktops, readManifest } from './desktop-view.ts';

@Injectable()
export class DesktopsService {
  readonly #db: Database;
  readonly #hub: EventsHub;
  readonly #renewals: Renewals;
  readonly #log: Log;

  constructor(@Inject(databaseToken) db: Database, @Inject(EventsHub) hub: EventsHub, @Inject(Renewals) renewals: Renewals, @Inject(logToken) log: Log) {
    this.#db = db;
    this.#hub = hub;
    this.#renewals = renewals;
    this.#log = log;
  }

  async create(caller: Caller, { desktopId, name, wrappedKey }: BodyOf<Routes['createDesktop']>): Promise<Desktop> {
    await inTransaction(this.#db, (trx) => createDesktop(trx, caller, desktopId, name, wrappedKey));
    await this.announce(caller.accountId, desktopId);
    return this.read(caller, desktopId);
  }

  async list({ accountId }: Caller): Promise<AnswerOf<Routes['listDesktops']>> {
    const [desktops, { quotas }] = await reached(() => Promise.all([readDesktops(this.#db, accountId), readQuotas(this.#db, accountId)]));
    return { desktops, quotas };
  }

  async read({ accountId }: Caller, desktopId: DesktopId): Promise<Desktop> {
    const [desktop] = await reached(() => readDesktops(this.#db, accountId, desktopId));
    if (desktop === undefined) throw new Fault('DESKTOP_NOT_FOUND');
    return desktop;
  }

  async acquire(caller: Caller, desktopId: DesktopId, { expectedHeadDigest }: BodyOf<Routes['acquireDesktop']>): Promise<AnswerOf<Routes['acquireDesktop']>> {
    const expectedHead = expectedHeadDigest === undefined ? undefined : bytesOf(expectedHeadDigest).toString('hex');
    const lease = await inTransaction(this.#db, (trx) => acquireDesktop(trx, caller, desktopId, expectedHead, this.#renewals));
    return this.tellOwner(caller, desktopId, lease);
  }

  /** What a host needs that became the owner just now; everybody else is told that it did. */
  async tellOwner(caller: Caller, desktopId: DesktopId, lease: OwnLease): Promise<AnswerOf<Routes['acquireDesktop']>> {
    // Only the holder moves the head, and the holder is the caller, who waits for this answer.
    const head = lease.headSequence === 0 ? undefined : await reached(() => readManifest(this.#db, caller.accountId, desktopId, lease.headSequence));
    const { wrappedKeys } = await this.read(caller, desktopId);
    await this.announce(caller.accountId, desktopId);
    return { epoch: lease.epoch, offline: lease.strict ? 'stop' : 'keep', offlinePolicy: lease.policy === undefined ? null : textOf(lease.policy.bytes), head: head ?? null, wrappedKeys };
  }

  async release(caller: Caller, desktopId: DesktopId, { epoch }: BodyOf<Routes['releaseDesktop']>): Promise<{ epoch: number }> {
    await inTransaction(this.#db, (trx) => releaseDesktop(trx, caller, desktopId, epoch));
    await this.announce(caller.accountId, desktopId);
    return { epoch };
  }

  /** Tells the account's listeners what a desktop is like now. The change it tells of is durable already: it never fails for this. */
  async announce(accountId: AccountId, desktopId: DesktopId): Promise<void> {
    try {
      const [desktop] = await readDesktops(this.#db, accountId, desktopId);
      if (desktop !== undefined) this.#hub.publish(accountId, changeOf(desktop));
    } catch (error) {
      this.#log.warn('event.lost', { desktopId, error });
    }
  }
}
