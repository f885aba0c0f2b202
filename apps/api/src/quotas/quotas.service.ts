import { Inject, Injectable } from '@nestjs/common';
import type { AccountId } from '@godwit/base';
import type { AccountQuotas, Operator, OwnQuotas } from '@godwit/wire';
import { inTransaction, reached, type Database, type Trx } from '../database/database.ts';
import { recordAct } from '../operators/acts.ts';
import { databaseToken } from '../tokens.ts';
import { spellQuotas } from './quota-list.ts';
import { readQuotas, writeQuotas } from './quotas.ts';

/** What operators read and say about the quotas of an account. */
@Injectable()
export class QuotasService {
  readonly #db: Database;

  constructor(@Inject(databaseToken) db: Database) {
    this.#db = db;
  }

  read(accountId: AccountId): Promise<AccountQuotas> {
    return reached(() => readQuotas(this.#db, accountId));
  }

  set(by: Pick<Operator, 'operatorId' | 'name'>, accountId: AccountId, own: OwnQuotas): Promise<AccountQuotas> {
    return inTransaction(this.#db, (trx) => giveQuotas(trx, by, accountId, own));
  }
}

/** `by`: null for whoever has the coordinator's machine. Throws ACCOUNT_NOT_FOUND. */
export async function giveQuotas(trx: Trx, by: Pick<Operator, 'operatorId' | 'name'> | null, accountId: AccountId, own: OwnQuotas): Promise<AccountQuotas> {
  await writeQuotas(trx, accountId, own);
  await recordAct(trx, by, 'quotas-set', { subject: accountId, detail: { quotas: spellQuotas(own) } });
  return readQuotas(trx, accountId);
}
