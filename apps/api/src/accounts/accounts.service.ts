import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { Fault } from '@godwit/base';
import { decodeEntry, type GenesisEntry } from '@godwit/crypto';
import { bytesOf, type BodyOf, type Routes } from '@godwit/wire';
import { inTransaction, type Database } from '../database/database.ts';
import { EventsHub } from '../events/hub.ts';
import { bodyBytesOf } from '../http/body.ts';
import { addressOf, type Caller } from '../http/caller.ts';
import { Limits } from '../http/limits.ts';
import { Signatures } from '../http/signatures.ts';
import { databaseToken } from '../tokens.ts';
import { appendChainEntry, createAccount, type ChainChange } from './chain.transitions.ts';

@Injectable()
export class AccountsService {
  readonly #db: Database;
  readonly #signatures: Signatures;
  readonly #limits: Limits;
  readonly #hub: EventsHub;

  constructor(@Inject(databaseToken) db: Database, @Inject(Signatures) signatures: Signatures, @Inject(Limits) limits: Limits, @Inject(EventsHub) hub: EventsHub) {
    this.#db = db;
    this.#signatures = signatures;
    this.#limits = limits;
    this.#hub = hub;
  }

  async create(body: BodyOf<Routes['createAccount']>, request: Request): Promise<{ accountId: string; hostId: string; chainLength: number }> {
    this.#limits.accounts.take(addressOf(request));
    const genesisBytes = bytesOf(body.genesis);
    const genesis = requireGenesis(genesisBytes);
    await this.#signatures.requireSelf(request, bodyBytesOf(request), genesis.device);
    const state = await inTransaction(this.#db, (trx) => createAccount(trx, genesisBytes, genesis, body.grants));
    return { accountId: state.accountId, hostId: genesis.device.hostId, chainLength: state.length };
  }

  async append(caller: Caller, body: BodyOf<Routes['appendChain']>): Promise<{ length: number }> {
    const change = await inTransaction(this.#db, (trx) => appendChainEntry(trx, caller, body.expectedLength, bytesOf(body.entry), body.grants));
    announce(this.#hub, caller, change);
    return { length: change.length };
  }
}

export function announce(hub: EventsHub, { accountId }: Caller, { length, added, revoked }: ChainChange): void {
  if (added !== null) hub.publish(accountId, { type: 'host-joined', hostId: added.hostId, name: added.name, chainLength: length });
  if (revoked !== null) hub.publish(accountId, { type: 'host-revoked', hostId: revoked, chainLength: length });
}

function requireGenesis(bytes: Buffer): GenesisEntry {
  const { entry } = decodeEntry(bytes);
  if (entry.kind !== 'genesis') throw new Fault('REQUEST_INVALID', { subject: 'body.genesis', expected: 'a genesis entry', found: entry.kind });
  return entry;
}
