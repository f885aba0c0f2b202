import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { sql } from 'kysely';
import { Fault, type AccountId, type HostId } from '@godwit/base';
import { decodeEntry, requestHeaders, type DevicePublic, type GenesisEntry } from '@godwit/crypto';
import { bytesOf, type AnswerOf, type BodyOf, type Routes } from '@godwit/wire';
import { inTransaction, reached, type Database } from '../database/database.ts';
import { EventsHub } from '../events/hub.ts';
import { bodyBytesOf } from '../http/body.ts';
import { addressOf } from '../http/caller.ts';
import { Limits } from '../http/limits.ts';
import { Signatures } from '../http/signatures.ts';
import { databaseToken } from '../tokens.ts';
import { AccountsRepository } from './accounts.repository.ts';
import { announce } from './accounts.service.ts';
import { appendChainEntry } from './chain.transitions.ts';

interface Recovered {
  readonly accountId: AccountId;
  readonly recovery: DevicePublic;
}

/** For who has nothing but the recovery words: the requests are signed by the recovery key itself, which the genesis names. */
@Injectable()
export class RecoveryService {
  readonly #db: Database;
  readonly #signatures: Signatures;
  readonly #limits: Limits;
  readonly #accounts: AccountsRepository;
  readonly #hub: EventsHub;

  constructor(
    @Inject(databaseToken) db: Database,
    @Inject(Signatures) signatures: Signatures,
    @Inject(Limits) limits: Limits,
    @Inject(AccountsRepository) accounts: AccountsRepository,
    @Inject(EventsHub) hub: EventsHub,
  ) {
    this.#db = db;
    this.#signatures = signatures;
    this.#limits = limits;
    this.#accounts = accounts;
    this.#hub = hub;
  }

  async find(from: number, request: Request): Promise<AnswerOf<Routes['findRecovery']>> {
    const { accountId, recovery } = await this.#signed(request);
    const page = await this.#accounts.readChain(accountId, from);
    return { accountId, ...page, grants: await this.#accounts.listGrants(accountId, recovery.hostId) };
  }

  /** Adds a machine, and does nothing else: a revocation is a device's to make. */
  async recover(body: BodyOf<Routes['recoverAccount']>, request: Request): Promise<{ length: number }> {
    const { accountId, recovery } = await this.#signed(request);
    const entryBytes = bytesOf(body.entry);
    const { entry } = decodeEntry(entryBytes);
    if (entry.kind !== 'add' || entry.accountId !== accountId || body.accountId !== accountId) throw new Fault('REQUEST_INVALID', { subject: 'body.entry', expected: `an entry that adds a machine to account ${accountId}`, found: entry.kind });
    const caller = { accountId, hostId: recovery.hostId, name: 'recovery', signPublic: recovery.signPublic };
    const change = await inTransaction(this.#db, (trx) => appendChainEntry(trx, caller, body.expectedLength, entryBytes, body.grants));
    announce(this.#hub, caller, change);
    return { length: change.length };
  }

  async #signed(request: Request): Promise<Recovered> {
    this.#limits.joins.take(addressOf(request));
    const named = request.headers[requestHeaders.host];
    if (named === undefined) throw new Fault('REQUEST_UNSIGNED', { expected: `the header ${requestHeaders.host}` });
    const account = typeof named === 'string' && /^[0-9a-f]{32}$/.test(named) ? await this.#find(named as HostId) : undefined;
    if (account === undefined) throw new Fault('RECOVERY_WORDS_WRONG', { expected: 'the recovery key of an account', found: 'a key that no account here has' });
    await this.#signatures.requireSelf(request, bodyBytesOf(request), account.recovery);
    return account;
  }

  /** The signer of a genesis is the recovery key: its id stands at a fixed place of those bytes, and has an index (recovery.migration.ts). */
  async #find(recoveryId: HostId): Promise<Recovered | undefined> {
    const row = await reached(() =>
      this.#db.selectFrom('chain_entries').select(['account_id', 'entry']).where('position', '=', 0).where(sql`substring(entry from 69 for 16)`, '=', Buffer.from(recoveryId, 'hex')).executeTakeFirst(),
    );
    if (row === undefined) return undefined;
    const { recovery } = decodeEntry(row.entry).entry as GenesisEntry;
    return { accountId: row.account_id, recovery };
  }
}
