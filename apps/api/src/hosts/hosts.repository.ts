import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { AccountId, HostId } from '@godwit/base';
import { REQUEST_NONCE_KEEP_MS } from '@godwit/crypto';
import type { Host, HostReport } from '@godwit/wire';
import { reached, type Database } from '../database/database.ts';
import { databaseToken } from '../tokens.ts';

export interface EnrolledHost {
  readonly hostId: HostId;
  readonly accountId: AccountId;
  readonly name: string;
  readonly signPublic: Buffer;
  readonly current: boolean;
}

/** A host's last contact is written at most this often: each request would else rewrite its row. */
const contactGranularitySeconds = 5;

@Injectable()
export class HostsRepository {
  readonly #db: Database;

  constructor(@Inject(databaseToken) db: Database) {
    this.#db = db;
  }

  async find(hostId: string): Promise<EnrolledHost | undefined> {
    const row = await reached(() =>
      this.#db.selectFrom('hosts').select(['host_id', 'account_id', 'name', 'sign_public', 'current']).where('host_id', '=', hostId as HostId).executeTakeFirst(),
    );
    return row === undefined ? undefined : { hostId: row.host_id, accountId: row.account_id, name: row.name, signPublic: row.sign_public, current: row.current };
  }

  /**
   * True once per (host, nonce) for as long as a request with it could be accepted. Durable and shared by all replicas: it
   * holds across restarts. Notes the contact on the way, to spare a round trip.
   */
  async spendNonce(hostId: HostId, nonce: Buffer): Promise<boolean> {
    const { rows } = await reached(() =>
      sql<{ fresh: boolean }>`
        with spent as (
          insert into request_nonces (host_id, nonce, expires_at)
          values (${hostId}, ${nonce}, now() + make_interval(secs => ${REQUEST_NONCE_KEEP_MS / 1000}))
          on conflict do nothing returning 1
        ), contact as (
          update hosts set last_contact_at = now()
          where host_id = ${hostId} and exists (select 1 from spent)
            and (last_contact_at is null or last_contact_at < now() - make_interval(secs => ${contactGranularitySeconds}))
        )
        select exists (select 1 from spent) as fresh`.execute(this.#db),
    );
    return rows[0]?.fresh === true;
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
