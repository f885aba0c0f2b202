import { Inject, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { sql } from 'kysely';
import { z } from 'zod';
import { Fault, newId, type AnyId, type Log, type Random } from '@godwit/base';
import { inTransaction, reached, violates, type Database, type Trx } from '../database/database.ts';
import { databaseToken, logToken, randomToken } from '../tokens.ts';
import { recordAct } from './acts.ts';
import { inviteDigest } from './invite-code.ts';
import { anyOperator, lockOperators, readInvite, requireRoom, useInvite, type Invited } from './invites.ts';
import { OneTimes, type OneTimeValues } from './one-times.ts';
import { OwnOrigin } from './own-origin.ts';
import { agentOf, Sessions, type SignIn } from './sessions.ts';
import { credentialIdOf, registrationOptions, signInOptions, verifyRegistration, verifySignIn, type Expected, type Passkey, type Response } from './webauthn.ts';

/** How long a person may take between the two halves of a ceremony. */
const ceremonyMs = 5 * 60_000;

/** `digest`: of the code, in hexadecimal. */
const enrolling = z.object({ challenge: z.string(), digest: z.string(), operatorId: z.string(), name: z.string() });
type Enrolling = z.infer<typeof enrolling>;

type Ceremony<Options> = Promise<{ ceremonyId: string; options: Options }>;

/** How operators come in: a passkey made with a one-time code, then that passkey. Nothing here tells who there is. */
@Injectable()
export class SignInService {
  readonly #db: Database;
  readonly #random: Random;
  readonly #log: Log;
  readonly #sessions: Sessions;
  readonly #origin: OwnOrigin;
  readonly #enrolling: OneTimeValues<Enrolling>;
  readonly #signingIn: OneTimeValues<string>;

  constructor(
    @Inject(databaseToken) db: Database,
    @Inject(OneTimes) oneTimes: OneTimes,
    @Inject(randomToken) random: Random,
    @Inject(logToken) log: Log,
    @Inject(Sessions) sessions: Sessions,
    @Inject(OwnOrigin) origin: OwnOrigin,
  ) {
    [this.#db, this.#random, this.#log, this.#sessions, this.#origin] = [db, random, log, sessions, origin];
    this.#enrolling = oneTimes.of('enrolment', enrolling, ceremonyMs);
    this.#signingIn = oneTimes.of('sign-in', z.string(), ceremonyMs);
  }

  anyOperator(): Promise<boolean> {
    return reached(() => anyOperator(this.#db));
  }

  async beginEnrol(code: string, typedName: string): Ceremony<Awaited<ReturnType<typeof registrationOptions>>> {
    const digest = inviteDigest(code);
    const invited = await reached(() => readInvite(this.#db, digest));
    const operator = { operatorId: invited.operatorId ?? newId<AnyId>(this.#random), name: invited.name ?? typedName };
    const known = await reached(() => this.#db.selectFrom('passkeys').select('credential_id').where('operator_id', '=', operator.operatorId).execute());
    const options = await registrationOptions(this.#origin.hostName, operator, known.map((row) => row.credential_id));
    return { ceremonyId: await this.#enrolling.put({ ...operator, digest: digest.toString('hex'), challenge: options.challenge }), options };
  }

  async enrol(ceremonyId: string, response: Response, request: Request): Promise<SignIn> {
    const ceremony = await this.#enrolling.take(ceremonyId);
    if (ceremony === undefined) throw new Fault('PASSKEY_REFUSED');
    const passkey = await verifyRegistration(response, this.#expected(ceremony.challenge));
    const token = await inTransaction(this.#db, async (trx) => {
      await lockOperators(trx);
      const invited = await useInvite(trx, Buffer.from(ceremony.digest, 'hex'));
      if (invited.operatorId === null) await addOperator(trx, ceremony, invited);
      await addPasskey(trx, ceremony.operatorId, passkey);
      await recordAct(trx, ceremony, 'passkey-made', { subject: invited.role });
      return this.#sessions.start(trx, ceremony.operatorId, agentOf(request));
    });
    this.#log.info('operators.enrolled', { operator: ceremony.name });
    return this.#sessions.begun(token);
  }

  async begin(): Ceremony<Awaited<ReturnType<typeof signInOptions>>> {
    const options = await signInOptions(this.#origin.hostName);
    return { ceremonyId: await this.#signingIn.put(options.challenge), options };
  }

  /** With the cookie of a session of the same operator that one becomes fresh; one of another operator ends. */
  async signIn(ceremonyId: string, response: Response, request: Request): Promise<SignIn> {
    const challenge = await this.#signingIn.take(ceremonyId);
    if (challenge === undefined) throw new Fault('PASSKEY_REFUSED');
    const credentialId = credentialIdOf(response);
    const row = await reached(() => this.#db.selectFrom('passkeys').selectAll().where('credential_id', '=', credentialId).executeTakeFirst());
    if (row === undefined) throw new Fault('PASSKEY_REFUSED');
    const passkey = { credentialId, publicKey: row.public_key, counter: row.counter, transports: row.transports };
    const counter = await verifySignIn(response, passkey, row.operator_id, this.#expected(challenge));
    const { held, before } = await this.#sessions.held(request.headers);
    const token = await inTransaction(this.#db, async (trx) => {
      await noteUse(trx, passkey, counter);
      await recordAct(trx, { operatorId: row.operator_id }, 'signed-in', { subject: 'passkey' });
      if (held !== undefined && before?.session.operator.operatorId === row.operator_id) {
        await this.#sessions.freshen(trx, before.session.sessionId);
        return held;
      }
      return this.#sessions.start(trx, row.operator_id, agentOf(request));
    });
    if (before !== undefined && token !== held) await this.#sessions.end(before, before.session.sessionId);
    return this.#sessions.begun(token);
  }

  #expected(challenge: string): Expected {
    return { challenge, origin: this.#origin.text, hostName: this.#origin.hostName };
  }
}

async function addOperator(trx: Trx, { operatorId, name }: Enrolling, { role }: Invited): Promise<void> {
  await requireRoom(trx, 'INVITE_REFUSED');
  try {
    await trx.insertInto('operators').values({ operator_id: operatorId, name, role }).execute();
  } catch (error) {
    // Somebody of that name came in between: the code was for a new operator, not for that one.
    if (violates(error, 'operators_by_name')) throw new Fault('INVITE_REFUSED', { cause: error });
    throw error;
  }
}

async function addPasskey(trx: Trx, operatorId: string, { credentialId, publicKey, counter, transports }: Passkey): Promise<void> {
  const row = { credential_id: credentialId, operator_id: operatorId, public_key: publicKey, counter, transports: [...transports] };
  const { numInsertedOrUpdatedRows } = await trx.insertInto('passkeys').values(row).onConflict((conflict) => conflict.doNothing()).executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== 1n) throw new Fault('PASSKEY_REFUSED');
}

/** Of two sign-ins with one state of the counter, one is a copy. */
async function noteUse(trx: Trx, { credentialId, counter: before }: Passkey, counter: number): Promise<void> {
  const { numUpdatedRows } = await trx.updateTable('passkeys').set({ counter, last_used_at: sql<Date>`now()` }).where('credential_id', '=', credentialId).where('counter', '=', before).executeTakeFirstOrThrow();
  if (numUpdatedRows !== 1n) throw new Fault('PASSKEY_REFUSED');
}
