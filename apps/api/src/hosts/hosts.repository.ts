import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { AccountId, HostId } from '@godwit/base';
import type { Host, HostReport } from '@godwit/wire';
import { reached, type Database } from '../database/database.ts';
import { databaseToken } from '../tokens.ts';

/** What of a host never changes. Whether it is current does, and is asked anew with each request (nonces.ts). */
export interface EnrolledHost {
  readonly hostId: HostId;
  readonly accountId: AccountId;
  readonly name: string;
  readonly signPublic: Buffer;
}

/** Hosts remembered, the least recently seen is forgotten first: some 300 bytes each. */
const rememberedMax = 20_000;

@Injectable()
export class HostsRepository {
  readonly #db: Database;
  readonly #remembered = new Map<string, EnrolledHost>();

  constructor(@Inject(databaseToken) db: Database) {
    this.#db = db;
  }

  async find(hostId: string): Promise<EnrolledHost | undefined> {
    const host = this.#remembered.get(hostId) ?? (await this.#read(hostId as HostId));
    if (host === undefined) return undefined;
    this.#remembered.delete(hostId);
    this.#remembered.set(hostId, host);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > rememberedMax && oldest !== undefined) this.#remembered.delete(oldest);
    return host;
  }

  /** The database has no such host after all: it is another one than it was. */
  forget(hostId: HostId): void {
    this.#remembered.delete(hostId);
  }

  async #read(hostId: HostId): Promise<EnrolledHost | undefined> {
    const row = await reached(() => this.#db.selectFrom('hosts').select(['host_id', 'account_id', 'name', 'sign_public']).where('host_id', '=', hostId).executeTakeFirst());
    return row === undefined ? undefined : { hostId: row.host_id, accountId: row.account_id, name: row.name, signPublic: row.sign_public };
  }

  async lastContactMs(hostId: HostId): Promise<number | null> {
    const row = await reached(() => this.#db.selectFrom('hosts').select('last_contact_at').where('host_id', '=', hostId).executeTakeFirst());
    return row?.last_contact_at?.getTime() ?? null;
  }

  async forgetExpiredNonces(): Promise<void> {
    await reached(() => this.#db.deleteFrom('request_nonces').where('expires_at', '<', sql<Date>`now()`).execute());
  }

  async list(accountId: AccountId): Promise<Host[]> {
    const rows = await reached(() =>
      this.#db
        .selectFrom('hosts')
        .select(['host_id', 'name', 'current', 'joined_at', 'last_contact_at', 'report'])
        .where('account_id', '=', accountId)
        .orderBy('joined_at')
        .orderBy('host_id')
        .execute(),
    );
    return rows.map((row) => ({
      hostId: row.host_id,
      name: row.name,
      current: row.current,
      joinedMs: row.joined_at.getTime(),
      lastContactMs: row.last_contact_at?.getTime() ?? null,
      report: row.report,
    }));
  }

  async saveReport(hostId: HostId, report: HostReport): Promise<void> {
    await reached(() => this.#db.updateTable('hosts').set({ report: JSON.stringify(report) }).where('host_id', '=', hostId).execute());
  }
}
