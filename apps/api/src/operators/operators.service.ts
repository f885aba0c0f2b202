import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { Fault, type Log, type Random } from '@godwit/base';
import type { Operator, OperatorActs, Role } from '@godwit/wire';
import { inTransaction, reached, type Database, type Queries, type Trx } from '../database/database.ts';
import { databaseToken, logToken, randomToken } from '../tokens.ts';
import { listActs, recordAct } from './acts.ts';
import { inviteByName, inviteFirst, lockOperators, type Invite } from './invites.ts';
import { OperatorsHub } from './operators-hub.ts';
import type { SignedIn } from './sessions.ts';

/** Who operates this coordinator, and who decides that. There is an admin as soon as there is anybody. */
@Injectable()
export class OperatorsService {
  readonly #db: Database;
  readonly #random: Random;
  readonly #log: Log;
  readonly #hub: OperatorsHub;

  constructor(@Inject(databaseToken) db: Database, @Inject(randomToken) random: Random, @Inject(logToken) log: Log, @Inject(OperatorsHub) hub: OperatorsHub) {
    [this.#db, this.#random, this.#log, this.#hub] = [db, random, log, hub];
  }

  list(): Promise<Operator[]> {
    return reached(() => readOperators(this.#db));
  }

  /** The code for whoever is the first operator; undefined when there is one. */
  inviteFirst(): Promise<Invite | undefined> {
    return inTransaction(this.#db, (trx) => inviteFirst(trx, this.#random));
  }

  async invite(by: SignedIn, name: string, role: Role): Promise<Invite> {
    const { code, expiresMs } = await inTransaction(this.#db, async (trx) => {
      await recordAct(trx, by.session.operator, 'operator-invited', { subject: name, detail: { role } });
      return inviteByName(trx, this.#random, name, role);
    });
    this.#note('operators.invited', by, name);
    return { code, expiresMs };
  }

  async changeRole(by: SignedIn, operatorId: string, role: Role): Promise<Operator> {
    const operator = await inTransaction(this.#db, async (trx) => {
      await lockOperators(trx);
      const known = await requireOperator(trx, operatorId);
      if (known.role === 'admin' && role !== 'admin') await requireAnotherAdmin(trx, operatorId);
      await trx.updateTable('operators').set({ role }).where('operator_id', '=', operatorId).execute();
      // Codes that were given out for the role before are for nothing that was decided.
      await trx.deleteFrom('invites').where('operator_id', '=', operatorId).execute();
      await recordAct(trx, by.session.operator, 'role-given', { subject: known.name, detail: { role, before: known.role } });
      return requireOperator(trx, operatorId);
    });
    this.#note('operators.role', by, operator.name);
    return operator;
  }

  async remove(by: SignedIn, operatorId: string): Promise<void> {
    const { name, sessions } = await inTransaction(this.#db, async (trx) => {
      await lockOperators(trx);
      const known = await requireOperator(trx, operatorId);
      if (known.role === 'admin') await requireAnotherAdmin(trx, operatorId);
      await recordAct(trx, by.session.operator, 'operator-removed', { subject: known.name, detail: { role: known.role } });
      const ended = await trx.deleteFrom('sessions').where('operator_id', '=', operatorId).returning('session_id').execute();
      await trx.deleteFrom('operators').where('operator_id', '=', operatorId).execute();
      return { name: known.name, sessions: ended.map(({ session_id: id }) => id) };
    });
    this.#hub.end(sessions);
    this.#note('operators.removed', by, name);
  }

  /** What operators did, newest first, below `before`. */
  acts(before: number | undefined): Promise<OperatorActs> {
    return reached(() => listActs(this.#db, before));
  }

  #note(event: string, { session }: SignedIn, subject: string): void {
    this.#log.info(event, { by: session.operator.name, subject });
  }
}

async function readOperators(db: Queries, operatorId?: string): Promise<Operator[]> {
  const rows = await db.selectFrom('operators as o').select(['o.operator_id', 'o.name', 'o.role', 'o.created_at', 'o.last_seen_at', 'o.issuer'])
    .select((of) => of.selectFrom('passkeys as p').whereRef('p.operator_id', '=', 'o.operator_id').select(sql<number>`count(*)`.as('count')).as('passkeys'))
    .$if(operatorId !== undefined, (query) => query.where('o.operator_id', '=', operatorId ?? ''))
    .orderBy(sql`lower(o.name)`).execute();
  return rows.map((row) => ({ operatorId: row.operator_id, name: row.name, role: row.role, passkeys: row.passkeys ?? 0, oidc: row.issuer !== null, createdMs: row.created_at.getTime(), lastSeenMs: row.last_seen_at?.getTime() ?? null }));
}

async function requireOperator(trx: Trx, operatorId: string): Promise<Operator> {
  const [operator] = await readOperators(trx, operatorId);
  if (operator === undefined) throw new Fault('OPERATOR_NOT_FOUND');
  return operator;
}

async function requireAnotherAdmin(trx: Trx, operatorId: string): Promise<void> {
  const other = await trx.selectFrom('operators').select('operator_id').where('role', '=', 'admin').where('operator_id', '!=', operatorId).limit(1).executeTakeFirst();
  if (other === undefined) throw new Fault('OPERATOR_LAST_ADMIN');
}
