import { sql } from 'kysely';
import { Fault, type Random } from '@godwit/base';
import type { Role } from '@godwit/wire';
import type { Queries, Trx } from '../database/database.ts';
import { inviteDigest, newInviteCode } from './invite-code.ts';

export interface Invite {
  readonly code: string;
  readonly expiresMs: number;
}

/** What a code is for. `operatorId`: another passkey of that operator. `name`: of the one that it makes; null for the first, who chooses. */
export interface Invited {
  readonly operatorId: string | null;
  readonly name: string | null;
  readonly role: Role;
}

const operatorsMax = 256;
const day = sql<Date>`now() + interval '24 hours'`;

/**
 * A code for `name`: for another passkey where there is such an operator, else for a new one with `role`. Throws REQUEST_INVALID when that
 * operator has another role: roles are changed where one sees it.
 */
export async function inviteByName(trx: Trx, random: Random, name: string, role: Role | undefined): Promise<Invite & { readonly role: Role; readonly another: boolean }> {
  const known = await trx.selectFrom('operators').select(['operator_id', 'name', 'role']).where(sql`lower(name)`, '=', sql`lower(${name})`).executeTakeFirst();
  if (known !== undefined && role !== undefined && known.role !== role) throw new Fault('REQUEST_INVALID', { subject: 'role', expected: `${known.role}, the role of ${known.name}`, found: role });
  const invited = { operatorId: known?.operator_id ?? null, name: known?.name ?? name, role: known?.role ?? role ?? 'admin' };
  return { ...(await addInvite(trx, random, invited)), role: invited.role, another: known !== undefined };
}

/** The code for the first operator, who becomes an admin, in the place of the one before; undefined when there is an operator. */
export async function inviteFirst(trx: Trx, random: Random): Promise<Invite | undefined> {
  if (await anyOperator(trx)) return undefined;
  await trx.deleteFrom('invites').where('name', 'is', null).execute();
  return addInvite(trx, random, { operatorId: null, name: null, role: 'admin' });
}

async function addInvite(trx: Trx, random: Random, { operatorId, name, role }: Invited): Promise<Invite> {
  await trx.deleteFrom('invites').where('expires_at', '<', sql<Date>`now()`).execute();
  const code = newInviteCode(random);
  const row = { code_digest: inviteDigest(code), operator_id: operatorId, name, role, expires_at: day };
  const { expires_at: expires } = await trx.insertInto('invites').values(row).returning('expires_at').executeTakeFirstOrThrow();
  return { code, expiresMs: expires.getTime() };
}

export async function anyOperator(db: Queries): Promise<boolean> {
  return (await db.selectFrom('operators').select('operator_id').limit(1).executeTakeFirst()) !== undefined;
}

/** What the code that was typed is for. Throws INVITE_REFUSED, whatever is wrong with it. */
export async function readInvite(db: Queries, digest: Buffer): Promise<Invited> {
  const row = await db.selectFrom('invites').selectAll().where('code_digest', '=', digest).where('expires_at', '>', sql<Date>`now()`).executeTakeFirst();
  if (row === undefined) throw new Fault('INVITE_REFUSED');
  const invited = { operatorId: row.operator_id, name: row.name, role: row.role };
  // Somebody else was first.
  if (invited.name === null && (await anyOperator(db))) throw new Fault('INVITE_REFUSED');
  return invited;
}

/** The same, and used up. The caller has locked the operators (`lockOperators`). */
export async function useInvite(trx: Trx, digest: Buffer): Promise<Invited> {
  const invited = await readInvite(trx, digest);
  const { numDeletedRows } = await trx.deleteFrom('invites').where('code_digest', '=', digest).executeTakeFirstOrThrow();
  if (numDeletedRows !== 1n) throw new Fault('INVITE_REFUSED');
  return invited;
}

/** Who operates changes rarely, and by one at a time: so that the last admin is one, and a code is used once. */
export async function lockOperators(trx: Trx): Promise<void> {
  await sql`lock table operators in share row exclusive mode`.execute(trx);
}

/** For one operator more. Throws a fault with `code`. */
export async function requireRoom(trx: Trx, code: 'INVITE_REFUSED' | 'OIDC_REFUSED'): Promise<void> {
  const { count } = await trx.selectFrom('operators').select(sql<number>`count(*)`.as('count')).executeTakeFirstOrThrow();
  if (count >= operatorsMax) throw new Fault(code, { expected: `at most ${operatorsMax} operators` });
}
