import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { sql } from 'kysely';
import { Fault, newId, type JoinId, type Random } from '@godwit/base';
import { deviceFromPublic, joinCode } from '@godwit/crypto';
import { bytesOf, textOf, type BodyOf, type JoinState, type Routes } from '@godwit/wire';
import { Coordinator } from '../coordinator-identity.ts';
import { inTransaction, reached, type Database } from '../database/database.ts';
import { EventsHub } from '../events/hub.ts';
import { bodyBytesOf } from '../http/body.ts';
import { addressOf, type Caller } from '../http/caller.ts';
import { Limits } from '../http/limits.ts';
import { Signatures } from '../http/signatures.ts';
import { databaseToken, randomToken } from '../tokens.ts';
import { AccountsRepository } from './accounts.repository.ts';
import { announce } from './accounts.service.ts';
import { approveJoin, createJoin, refuseJoin } from './join.transitions.ts';

@Injectable()
export class JoinsService {
  readonly #db: Database;
  readonly #random: Random;
  readonly #signatures: Signatures;
  readonly #limits: Limits;
  readonly #accounts: AccountsRepository;
  readonly #hub: EventsHub;
  readonly #coordinator: Coordinator;

  constructor(
    @Inject(databaseToken) db: Database,
    @Inject(randomToken) random: Random,
    @Inject(Signatures) signatures: Signatures,
    @Inject(Limits) limits: Limits,
    @Inject(AccountsRepository) accounts: AccountsRepository,
    @Inject(EventsHub) hub: EventsHub,
    @Inject(Coordinator) coordinator: Coordinator,
  ) {
    this.#db = db;
    this.#random = random;
    this.#signatures = signatures;
    this.#limits = limits;
    this.#accounts = accounts;
    this.#hub = hub;
    this.#coordinator = coordinator;
  }

  async create(body: BodyOf<Routes['createJoin']>, request: Request): Promise<{ joinId: JoinId; expiresMs: number }> {
    this.#limits.joins.take(addressOf(request));
    const device = deviceFromPublic(bytesOf(body.signPublic), bytesOf(body.boxPublic));
    await this.#signatures.requireSelf(request, bodyBytesOf(request), device);
    const joinId = newId<JoinId>(this.#random);
    const join = { joinId, device, name: body.name, code: joinCode(device, this.#coordinator.audience), address: addressOf(request).slice(0, 64), system: body.system ?? '' };
    const expires = await inTransaction(this.#db, (trx) => createJoin(trx, join));
    return { joinId, expiresMs: expires.getTime() };
  }

  /** What became of a join, for the device that asked and for nobody else. */
  async read(joinId: JoinId, request: Request): Promise<JoinState> {
    const join = await this.#find(joinId);
    if (join === undefined) throw new Fault('JOIN_NOT_FOUND');
    const device = deviceFromPublic(join.sign_public, join.box_public);
    await this.#signatures.requireSelf(request, bodyBytesOf(request), device);
    if (join.state === 'refused') return { state: 'refused' };
    if (join.state === 'pending' || join.account_id === null) return { state: 'pending', expiresMs: join.expires_at.getTime() };
    const { length, entries } = await this.#accounts.readChain(join.account_id, 0);
    const grants = await this.#accounts.listGrants(join.account_id, device.hostId);
    return { state: 'approved', accountId: join.account_id, length, entries, grants };
  }

  async find(caller: Caller, code: string): Promise<unknown> {
    this.#limits.codes.take(caller.hostId);
    const rows = await reached(() =>
      this.#db.selectFrom('joins').selectAll().where('code', '=', code).where('state', '=', 'pending').where('expires_at', '>', sql<Date>`now()`).limit(2).execute(),
    );
    const [join] = rows;
    if (join === undefined || rows.length > 1) throw new Fault('JOIN_NOT_FOUND');
    const device = deviceFromPublic(join.sign_public, join.box_public);
    if (code !== joinCode(device, this.#coordinator.audience)) throw new Fault('JOIN_NOT_FOUND');
    return {
      joinId: join.join_id,
      hostId: device.hostId,
      signPublic: textOf(device.signPublic),
      boxPublic: textOf(device.boxPublic),
      name: join.name,
      system: join.system,
      askedMs: join.asked_at.getTime(),
      address: join.address,
      expiresMs: join.expires_at.getTime(),
    };
  }

  async approve(caller: Caller, joinId: JoinId, body: BodyOf<Routes['approveJoin']>): Promise<{ length: number }> {
    const change = await inTransaction(this.#db, (trx) => approveJoin(trx, caller, joinId, body.expectedLength, bytesOf(body.entry), body.grants));
    announce(this.#hub, caller, change);
    return { length: change.length };
  }

  async refuse(caller: Caller, joinId: JoinId): Promise<void> {
    await inTransaction(this.#db, (trx) => refuseJoin(trx, caller, joinId));
  }

  #find(joinId: JoinId) {
    return reached(() =>
      this.#db.selectFrom('joins').selectAll().where('join_id', '=', joinId).where('expires_at', '>', sql<Date>`now()`).executeTakeFirst(),
    );
  }
}
