import { sql } from 'kysely';
import { Fault, type HostId, type JoinId } from '@godwit/base';
import { decodeEntry, type DevicePublic } from '@godwit/crypto';
import { joinLifeMs, type Grant } from '@godwit/wire';
import { record } from '../audit/record.ts';
import { type Trx } from '../database/database.ts';
import type { Caller } from '../http/caller.ts';
import { appendChainEntry, type ChainChange } from './chain.transitions.ts';

/** Machines that wait to join; more is a flood, not a household. Approved ones count until they expire. */
const joinsMax = 10_000;

export interface NewJoin {
  readonly joinId: JoinId;
  readonly device: DevicePublic;
  readonly name: string;
  readonly code: string;
  /** Where the request came from. */
  readonly address: string;
  /** What the machine says of itself. */
  readonly system: string;
}

/** A device that asks again replaces what it asked before. Throws ACCOUNT_EXISTS for one that is enrolled, JOINS_FULL. */
export async function createJoin(trx: Trx, { joinId, device, name, code, address, system }: NewJoin): Promise<Date> {
  await trx.deleteFrom('joins').where('expires_at', '<', sql<Date>`now()`).execute();
  const enrolled = await trx.selectFrom('hosts').select('host_id').where('host_id', '=', device.hostId).executeTakeFirst();
  if (enrolled !== undefined) throw new Fault('ACCOUNT_EXISTS', { found: 'a host with these keys' });
  const { waiting } = await trx.selectFrom('joins').select((select) => select.fn.countAll<number>().as('waiting')).executeTakeFirstOrThrow();
  if (waiting >= joinsMax) throw new Fault('JOINS_FULL');
  await trx.deleteFrom('joins').where('host_id', '=', device.hostId).execute();
  const { expires_at } = await trx
    .insertInto('joins')
    .values({
      join_id: joinId,
      host_id: device.hostId,
      code,
      name,
      address,
      system,
      sign_public: device.signPublic,
      box_public: device.boxPublic,
      state: 'pending',
      account_id: null,
      expires_at: sql<Date>`now() + make_interval(secs => ${joinLifeMs / 1000})`,
    })
    .returning('expires_at')
    .executeTakeFirstOrThrow();
  return expires_at;
}

/** The entry must add exactly the device that asked. Approving it and growing the chain are one change. */
export async function approveJoin(trx: Trx, caller: Caller, joinId: JoinId, expectedLength: number, entryBytes: Buffer, grants: readonly Grant[]): Promise<ChainChange> {
  const subject = await lockPending(trx, joinId);
  const { entry } = decodeEntry(entryBytes);
  if (entry.kind !== 'add' || entry.device.hostId !== subject) {
    throw new Fault('REQUEST_INVALID', { subject: 'body.entry', expected: `an entry that adds host ${subject}`, found: entry.kind === 'add' ? entry.device.hostId : entry.kind });
  }
  const change = await appendChainEntry(trx, caller, expectedLength, entryBytes, grants);
  await trx.updateTable('joins').set({ state: 'approved', account_id: caller.accountId }).where('join_id', '=', joinId).execute();
  return change;
}

export async function refuseJoin(trx: Trx, caller: Caller, joinId: JoinId): Promise<void> {
  const subject = await lockPending(trx, joinId);
  await trx.updateTable('joins').set({ state: 'refused' }).where('join_id', '=', joinId).execute();
  await record(trx, { accountId: caller.accountId, kind: 'join-refused', hostId: caller.hostId, detail: { subject }, leaf: { subject } });
}

async function lockPending(trx: Trx, joinId: JoinId): Promise<HostId> {
  const join = await trx
    .selectFrom('joins')
    .select(['host_id', 'state'])
    .where('join_id', '=', joinId)
    .where('expires_at', '>', sql<Date>`now()`)
    .forUpdate()
    .executeTakeFirst();
  if (join === undefined) throw new Fault('JOIN_NOT_FOUND');
  if (join.state !== 'pending') throw new Fault('JOIN_DECIDED', { found: join.state });
  return join.host_id;
}
