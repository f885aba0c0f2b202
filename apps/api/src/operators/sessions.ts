import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { sql } from 'kysely';
import { Fault, newId, type AnyId, type Random } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { sessionCookie, type Role, type Session, type SessionRow } from '@godwit/wire';
import { inTransaction, reached, type Database, type Trx } from '../database/database.ts';
import { Statements, type Statement } from '../database/statements.ts';
import { databaseToken, randomToken } from '../tokens.ts';
import { recordAct } from './acts.ts';
import { OperatorsHub } from './operators-hub.ts';
import { cookieOf } from './own-pages.ts';

/** A session ends this long after the sign-in, and when nothing was asked with it for so long. */
const wholeSeconds = 12 * 60 * 60;
const idleSeconds = 60 * 60;
/** How long after a sign-in the acts are taken that ask for a fresh one. */
const freshSeconds = 5 * 60;
/** That a session was used is written at most this often. */
const seenGranularitySeconds = 30;
/** Of one operator; the one that was used longest ago ends for the next. */
const perOperatorMax = 16;
const listMax = 1024;
const tokenBytes = 32;

export const sessionSeconds = wholeSeconds;

/** Who asks, on routes for operators. */
export interface SignedIn {
  readonly session: Session;
  /** The last sign-in is not too long ago for what needs a fresh one. */
  readonly fresh: boolean;
}

/** What a sign-in gives: the session, and the token for its cookie where that is a new one. */
export interface SignIn {
  readonly token: string;
  readonly session: Session;
}

interface Found {
  readonly session_id: string;
  readonly operator_id: string;
  readonly name: string;
  readonly role: Role;
  readonly passkeys: number;
  readonly oidc: boolean;
  readonly created_ms: number;
  readonly operator_seen_ms: number | null;
  readonly started_ms: number;
  readonly expires_ms: number;
  readonly fresh_until_ms: number;
  readonly fresh: boolean;
}

const milliseconds = (time: string): string => `floor(extract(epoch from ${time}) * 1000)::bigint`;
const alive = `s.started_at > now() - interval '${wholeSeconds} seconds' and s.last_seen_at > now() - interval '${idleSeconds} seconds'`;
const aliveInQuery = sql<boolean>`${sql.raw(alive)}`;

const findSession: Statement = {
  name: 'find-session',
  text: `
    with found as (
      select s.* from sessions s where s.token_digest = $1 and ${alive}
    ), due as (
      select s.session_id, s.operator_id from sessions s where s.session_id in (select session_id from found) and s.last_seen_at < now() - interval '${seenGranularitySeconds} seconds'
      for no key update skip locked
    ), seen as (
      update sessions set last_seen_at = now() from due where sessions.session_id = due.session_id
    ), operator_seen as (
      update operators set last_seen_at = now() from due where operators.operator_id = due.operator_id
    )
    select s.session_id, o.operator_id, o.name, o.role, o.issuer is not null as oidc, (select count(*) from passkeys p where p.operator_id = o.operator_id) as passkeys,
      ${milliseconds('o.created_at')} as created_ms, ${milliseconds('o.last_seen_at')} as operator_seen_ms, ${milliseconds('s.started_at')} as started_ms,
      ${milliseconds(`least(s.started_at + interval '${wholeSeconds} seconds', now() + interval '${idleSeconds} seconds')`)} as expires_ms,
      ${milliseconds(`s.fresh_at + interval '${freshSeconds} seconds'`)} as fresh_until_ms,
      s.fresh_at > now() - interval '${freshSeconds} seconds' as fresh
    from found s join operators o on o.operator_id = s.operator_id`,
};

/** Sessions of operators. A token is in its browser's cookie and nowhere else; the database has its digest. Times are the database's. */
@Injectable()
export class Sessions {
  readonly #db: Database;
  readonly #statements: Statements;
  readonly #random: Random;
  readonly #hub: OperatorsHub;

  constructor(@Inject(databaseToken) db: Database, @Inject(Statements) statements: Statements, @Inject(randomToken) random: Random, @Inject(OperatorsHub) hub: OperatorsHub) {
    [this.#db, this.#statements, this.#random, this.#hub] = [db, statements, random, hub];
  }

  /** Whose session a cookie's value is; undefined for one that has ended or never was. */
  async find(token: string | undefined): Promise<SignedIn | undefined> {
    if (token === undefined || !/^[A-Za-z0-9_-]{43}$/.test(token)) return undefined;
    const [row] = await this.#statements.run<Found>(findSession, [digestOf(token)]);
    if (row === undefined) return undefined;
    const operator = { operatorId: row.operator_id, name: row.name, role: row.role, passkeys: row.passkeys, oidc: row.oidc, createdMs: row.created_ms, lastSeenMs: row.operator_seen_ms };
    return { session: { sessionId: row.session_id, operator, startedMs: row.started_ms, expiresMs: row.expires_ms, freshUntilMs: row.fresh_until_ms }, fresh: row.fresh };
  }

  /** What a browser brings: its cookie's value, and the session that this is of. */
  async held(headers: Request['headers']): Promise<{ readonly held: string | undefined; readonly before: SignedIn | undefined }> {
    const held = cookieOf(headers, sessionCookie);
    return { held, before: await this.find(held) };
  }

  /** Of a session that was started or made fresh. Throws SESSION_MISSING when it has ended meanwhile. */
  async begun(token: string): Promise<SignIn> {
    const found = await this.find(token);
    if (found === undefined) throw new Fault('SESSION_MISSING');
    return { token, session: found.session };
  }

  /** A new session of an operator; the token is for its cookie. `agent`: what the browser says it is, for the list. `fresh`: who it is was asked just now. */
  async start(trx: Trx, operatorId: string, agent: string, fresh = true): Promise<string> {
    await trx.deleteFrom('sessions as s').where(sql<boolean>`not (${aliveInQuery})`).execute();
    const older = trx.selectFrom('sessions').select('session_id').where('operator_id', '=', operatorId).orderBy('last_seen_at', 'desc').offset(perOperatorMax - 1);
    await trx.deleteFrom('sessions').where('session_id', 'in', older).execute();
    const token = this.#random(tokenBytes).toString('base64url');
    await trx.insertInto('sessions').values({ session_id: newId<AnyId>(this.#random), token_digest: digestOf(token), operator_id: operatorId, agent: agent.slice(0, 256), ...(fresh ? {} : { fresh_at: sql<Date>`now() - ${seconds(freshSeconds)}` }) }).execute();
    await trx.updateTable('operators').set({ last_seen_at: sql<Date>`now()` }).where('operator_id', '=', operatorId).execute();
    return token;
  }

  /** The operator has just signed in again. When the session ends stays as it is. */
  async freshen(trx: Trx, sessionId: string): Promise<void> {
    await trx.updateTable('sessions').set({ fresh_at: sql<Date>`now()`, last_seen_at: sql<Date>`now()` }).where('session_id', '=', sessionId).execute();
  }

  /** The caller's, or all of them for an admin; used last first. */
  async list({ session }: SignedIn): Promise<SessionRow[]> {
    const all = session.operator.role === 'admin';
    const rows = await reached(() =>
      this.#db.selectFrom('sessions as s').innerJoin('operators as o', 'o.operator_id', 's.operator_id')
        .select(['s.session_id', 's.operator_id', 'o.name', 's.started_at', 's.last_seen_at', 's.agent'])
        .select(sql<Date>`least(s.started_at + ${seconds(wholeSeconds)}, s.last_seen_at + ${seconds(idleSeconds)})`.as('expires_at'))
        .where(aliveInQuery).$if(!all, (query) => query.where('s.operator_id', '=', session.operator.operatorId))
        .orderBy('s.last_seen_at', 'desc').limit(listMax).execute(),
    );
    return rows.map((row) => ({
      sessionId: row.session_id,
      operatorName: row.name,
      startedMs: row.started_at.getTime(),
      lastSeenMs: row.last_seen_at.getTime(),
      expiresMs: row.expires_at.getTime(),
      agent: row.agent,
      own: row.session_id === session.sessionId,
    }));
  }

  /** Ends a session, and the stream of news that was opened with it. Throws SESSION_NOT_FOUND, for another's also when it is there. */
  async end({ session }: SignedIn, sessionId: string): Promise<void> {
    const { operatorId, role } = session.operator;
    await inTransaction(this.#db, async (trx) => {
      const row = await trx.deleteFrom('sessions').where('session_id', '=', sessionId).$if(role !== 'admin', (query) => query.where('operator_id', '=', operatorId)).returning('operator_id').executeTakeFirst();
      if (row === undefined) throw new Fault('SESSION_NOT_FOUND');
      const whose = await trx.selectFrom('operators').select('name').where('operator_id', '=', row.operator_id).executeTakeFirst();
      await recordAct(trx, { operatorId }, 'session-ended', { subject: whose?.name ?? '' });
    });
    this.#hub.end([sessionId]);
  }

  /** Which of these sessions are over. */
  async ended(sessionIds: readonly string[]): Promise<string[]> {
    if (sessionIds.length === 0) return [];
    const rows = await reached(() => this.#db.selectFrom('sessions as s').select('s.session_id').where('s.session_id', 'in', sessionIds).where(aliveInQuery).execute());
    const living = new Set(rows.map(({ session_id: id }) => id));
    return sessionIds.filter((id) => !living.has(id));
  }
}

function seconds(count: number) {
  return sql`make_interval(secs => ${count})`;
}

function digestOf(token: string): Buffer {
  return sha256(Buffer.from(token, 'latin1'));
}

export function agentOf(request: Request): string {
  return request.headers['user-agent'] ?? 'unknown';
}
