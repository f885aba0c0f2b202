import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { sql } from 'kysely';
import { z } from 'zod';
import { Fault, newId, type AnyId, type Log, type Random } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { inTransaction, reached, type Database, type Queries, type Trx } from '../database/database.ts';
import { databaseToken, logToken, oidcToken, randomToken } from '../tokens.ts';
import { recordAct } from './acts.ts';
import { anyOperator, lockOperators, requireRoom } from './invites.ts';
import { otherName, personOf, type OidcPerson } from './oidc-person.ts';
import type { OidcProvider } from './oidc-provider.ts';
import { OneTimes, type OneTimeValues } from './one-times.ts';
import { cookieOf, oidcCookie } from './own-pages.ts';
import { agentOf, Sessions, type SignIn } from './sessions.ts';

/** How long a person may be at the provider. */
export const awaySeconds = 5 * 60;

/** `Begun`, and the digest of what only the browser has that began it. */
const away = z.object({ verifier: z.string(), nonce: z.string(), fresh: z.boolean(), browser: z.string() });

interface Known {
  readonly operator_id: string;
  readonly role: string;
}

/**
 * Operators who come in by an OpenID provider. It says at each sign-in whether they are viewer or operator; an admin is made by an admin
 * and stays one as long as the provider gives them any role at all. A name is never taken for a person: only issuer and subject are.
 */
@Injectable()
export class OidcService {
  readonly #db: Database;
  readonly #random: Random;
  readonly #log: Log;
  readonly #sessions: Sessions;
  readonly #provider: OidcProvider | undefined;
  readonly #away: OneTimeValues<z.infer<typeof away>>;

  constructor(
    @Inject(databaseToken) db: Database,
    @Inject(OneTimes) oneTimes: OneTimes,
    @Inject(randomToken) random: Random,
    @Inject(logToken) log: Log,
    @Inject(Sessions) sessions: Sessions,
    @Inject(oidcToken) { provider }: { readonly provider: OidcProvider | undefined },
  ) {
    [this.#db, this.#random, this.#log, this.#sessions, this.#provider] = [db, random, log, sessions, provider];
    this.#away = oneTimes.of('oidc', away, awaySeconds * 1000);
  }

  /** What the button says; null where there is no provider. */
  get name(): string | null {
    return this.#provider?.options.name ?? null;
  }

  /** `browser`: for a cookie, so that nobody else's browser ends what this one began. */
  async begin(fresh: boolean): Promise<{ readonly url: string; readonly browser: string }> {
    const provider = this.#required();
    const browser = this.#random(32).toString('base64url');
    const begun = { browser: digestOf(browser), verifier: this.#random(32).toString('base64url'), nonce: this.#random(16).toString('hex'), fresh };
    return { url: await provider.addressFor(await this.#away.put(begun), begun), browser };
  }

  /** With the cookie of a session of the same operator that one goes on; one of another operator ends. */
  async signIn(query: string, request: Request): Promise<SignIn> {
    const provider = this.#required();
    const state = new URLSearchParams(query).get('state') ?? '';
    const begun = await this.#away.take(state);
    const browser = cookieOf(request.headers, oidcCookie);
    if (begun === undefined || browser === undefined || digestOf(browser) !== begun.browser) throw new Fault('OIDC_REFUSED', { expected: 'a sign-in that was begun in this browser a moment ago' });
    const person = personOf(await provider.claimsFrom(query, state, begun), provider.options);
    // Whoever may not have been asked at all is not let in as somebody who was.
    if (begun.fresh && !person.fresh) throw new Fault('OIDC_REFUSED', { expected: 'a provider that asks anew who it is, and says when it did (auth_time)', found: 'one that remembered it, or does not say' });
    const { held, before } = await this.#sessions.held(request.headers);
    const token = await inTransaction(this.#db, async (trx) => {
      const operatorId = await this.#admit(trx, person);
      await recordAct(trx, { operatorId }, 'signed-in', { subject: provider.options.name });
      if (held !== undefined && before?.session.operator.operatorId === operatorId) {
        if (person.fresh) await this.#sessions.freshen(trx, before.session.sessionId);
        return held;
      }
      return this.#sessions.start(trx, operatorId, agentOf(request), person.fresh);
    });
    if (before !== undefined && token !== held) await this.#sessions.end(before, before.session.sessionId);
    this.#log.info('operators.oidc', { name: person.name });
    return this.#sessions.begun(token);
  }

  #required(): OidcProvider {
    if (this.#provider === undefined) throw new Fault('OIDC_REFUSED', { expected: 'a coordinator that was told of a provider', found: 'none' });
    return this.#provider;
  }

  /** The operator whom the provider means, made or brought up to date where needed. */
  async #admit(trx: Trx, person: OidcPerson): Promise<string> {
    const known = await find(trx, person);
    if (known !== undefined && !isOutdated(known, person)) return known.operator_id;
    await lockOperators(trx);
    const now = await find(trx, person);
    if (now === undefined) return this.#add(trx, person);
    if (isOutdated(now, person)) {
      await trx.updateTable('operators').set({ role: person.role }).where('operator_id', '=', now.operator_id).execute();
      await trx.deleteFrom('invites').where('operator_id', '=', now.operator_id).execute();
      await recordAct(trx, { operatorId: now.operator_id }, 'role-given', { subject: person.role, detail: { by: person.issuer } });
    }
    return now.operator_id;
  }

  async #add(trx: Trx, person: OidcPerson): Promise<string> {
    // The first operator becomes an admin: that is for whoever has the machine, never for whoever comes by first.
    if (!(await anyOperator(trx))) throw new Fault('OIDC_REFUSED', { expected: 'an admin, who comes in with the code that the coordinator prints', found: 'nobody yet' });
    await requireRoom(trx, 'OIDC_REFUSED');
    const operatorId = newId<AnyId>(this.#random);
    const taken = await trx.selectFrom('operators').select('operator_id').where(sql`lower(name)`, '=', sql`lower(${person.name})`).executeTakeFirst();
    const name = taken === undefined ? person.name : otherName(person);
    await trx.insertInto('operators').values({ operator_id: operatorId, name, role: person.role, issuer: person.issuer, subject: person.subject }).execute();
    await recordAct(trx, { operatorId }, 'operator-added', { subject: name, detail: { role: person.role, by: person.issuer } });
    return operatorId;
  }
}

/** What the provider says holds, but for an admin's role, which it did not give. */
function isOutdated({ role }: Known, person: OidcPerson): boolean {
  return role !== 'admin' && role !== person.role;
}

function find(db: Queries, { issuer, subject }: OidcPerson): Promise<Known | undefined> {
  return reached(() => db.selectFrom('operators').select(['operator_id', 'role']).where('issuer', '=', issuer).where('subject', '=', subject).executeTakeFirst());
}

function digestOf(text: string): string {
  return sha256(Buffer.from(text, 'latin1')).toString('hex');
}
