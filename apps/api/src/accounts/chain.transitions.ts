import { Fault, type AccountId, type HostId } from '@godwit/base';
import { currentDevice, currentSigner, decodeEntry, extendChain, replayChain, sha256, type ChainState, type GenesisEntry } from '@godwit/crypto';
import { bytesOf, chainLengthLimit, type Grant } from '@godwit/wire';
import { record } from '../audit/record.ts';
import { violates, type Trx } from '../database/database.ts';
import type { Caller } from '../http/caller.ts';

/**
 * The state changes of accounts and device chains. Each runs inside one transaction, checks with libs/crypto what the
 * chain's rules say, and leaves the rows of `hosts` equal to what the chain says: the chain is the truth, the rows its index.
 */

/** What an appended entry changed. */
export interface ChainChange {
  readonly length: number;
  readonly added: { readonly hostId: HostId; readonly name: string } | null;
  readonly revoked: HostId | null;
}

export async function createAccount(trx: Trx, genesisBytes: Buffer, genesis: GenesisEntry, grants: readonly Grant[]): Promise<ChainState> {
  const state = replayChain([genesisBytes]);
  const { accountId, device, name } = genesis;
  requireNewAccount(await trx.insertInto('accounts').values({ account_id: accountId, chain_length: 1 }).onConflict((on) => on.doNothing()).returning('account_id').executeTakeFirst());
  await trx.insertInto('chain_entries').values({ account_id: accountId, position: 0, entry: genesisBytes }).execute();
  await insertHost(trx, accountId, { hostId: device.hostId, name, signPublic: device.signPublic, boxPublic: device.boxPublic });
  await record(trx, { accountId, kind: 'account-created', hostId: device.hostId, leaf: { sequence: 0, digest: state.genesisHash } });
  await saveGrants(trx, state, device.hostId, grants);
  return state;
}

function requireNewAccount(row: unknown): void {
  if (row === undefined) throw new Fault('ACCOUNT_EXISTS');
}

/** Compare-and-set on the chain's length: CHAIN_MOVED when it is not `expectedLength`, whatever the chain's rules throw when the entry breaks them. */
export async function appendChainEntry(trx: Trx, caller: Caller, expectedLength: number, entryBytes: Buffer, grants: readonly Grant[]): Promise<ChainChange> {
  const { accountId } = caller;
  const { chain_length: length } = await trx.selectFrom('accounts').select('chain_length').where('account_id', '=', accountId).forNoKeyUpdate().executeTakeFirstOrThrow();
  if (length !== expectedLength) throw new Fault('CHAIN_MOVED', { expected: `a chain of ${expectedLength}`, found: `${length}` });
  if (length >= chainLengthLimit) throw new Fault('CHAIN_FULL', { expected: `at most ${chainLengthLimit} entries` });
  const before = replayChain(await readEntries(trx, accountId));
  // Between the guard's look and the lock somebody may have revoked the caller.
  if (currentSigner(before, caller.hostId) === undefined) throw new Fault('HOST_REVOKED');
  await requireAdmitted(trx, caller.hostId);
  const after = extendChain(before, entryBytes);
  requireGrants(before, after, grants);
  await trx.insertInto('chain_entries').values({ account_id: accountId, position: length, entry: entryBytes }).execute();
  await trx.updateTable('accounts').set({ chain_length: after.length }).where('account_id', '=', accountId).execute();
  const change = await applyEntry(trx, caller, after, entryBytes);
  await saveGrants(trx, after, caller.hostId, grants);
  return change;
}

async function applyEntry(trx: Trx, caller: Caller, after: ChainState, entryBytes: Buffer): Promise<ChainChange> {
  const { entry } = decodeEntry(entryBytes);
  const { accountId, hostId: by } = caller;
  if (entry.kind === 'add') {
    const { device, name } = entry;
    await insertHost(trx, accountId, { hostId: device.hostId, name, signPublic: device.signPublic, boxPublic: device.boxPublic });
    await record(trx, { accountId, kind: 'host-added', hostId: by, detail: { subject: device.hostId, position: entry.sequence }, leaf: { subject: device.hostId, sequence: entry.sequence, digest: after.headHash } });
    return { length: after.length, added: { hostId: device.hostId, name }, revoked: null };
  }
  if (entry.kind === 'revoke') {
    await trx.updateTable('hosts').set({ current: false }).where('host_id', '=', entry.subject).where('account_id', '=', accountId).execute();
    await freeDesktops(trx, caller, entry.subject);
    await record(trx, { accountId, kind: 'host-revoked', hostId: by, detail: { subject: entry.subject, position: entry.sequence }, leaf: { subject: entry.subject, sequence: entry.sequence, digest: after.headHash } });
    return { length: after.length, added: null, revoked: entry.subject };
  }
  throw new Fault('INTERNAL', { expected: 'an entry that adds or revokes', found: entry.kind });
}

/** An operator may have barred the caller since the guard's look. The recovery key is no host and cannot be barred. */
async function requireAdmitted(trx: Trx, hostId: HostId): Promise<void> {
  const row = await trx.selectFrom('hosts').select('barred_at').where('host_id', '=', hostId).forShare().executeTakeFirst();
  if (row !== undefined && row.barred_at !== null) throw new Fault('HOST_BARRED');
}

/** The new account key in the same transaction: else whoever stays could not write until the revoking host comes back, or never. */
function requireGrants(before: ChainState, after: ChainState, grants: readonly Grant[]): void {
  if (after.generation === before.generation) return;
  const granted = new Set(grants.filter(({ generation }) => generation === after.generation).map(({ recipient }) => recipient));
  const staying = [after.recovery, ...[...after.devices.values()].filter(({ revokedAt }) => revokedAt === undefined).map(({ device }) => device)];
  const without = staying.filter(({ hostId }) => !granted.has(hostId));
  if (without.length > 0) throw new Fault('GRANTS_MISSING', { expected: `generation ${after.generation} for ${staying.length} recipients`, found: `none for ${without.map(({ hostId }) => hostId).join(', ')}` });
}

/**
 * What the revoked host held is free: nothing of it is accepted any more, and no desktop stays with somebody who is gone. A strict lease is
 * not: its guest may run by right for the rest of its term, so it stays held by a host that cannot renew it, until its user takes it over.
 * Without a checkpoint there is nothing that could run a second time.
 */
async function freeDesktops(trx: Trx, { accountId, hostId: by }: Caller, revoked: HostId): Promise<void> {
  const freed = await trx
    .updateTable('desktops')
    .set({ held: false })
    .where('account_id', '=', accountId)
    .where('holder_id', '=', revoked)
    .where('held', '=', true)
    .where((where) => where.or([where('offline', '=', 'keep'), where('head_sequence', 'is', null)]))
    .returning(['desktop_id', 'epoch'])
    .execute();
  for (const { desktop_id: desktopId, epoch } of freed) await record(trx, { accountId, kind: 'desktop-released', hostId: by, desktopId, detail: { epoch, revoked }, leaf: { epoch } });
}

interface NewHost {
  readonly hostId: HostId;
  readonly name: string;
  readonly signPublic: Buffer;
  readonly boxPublic: Buffer;
}

async function insertHost(trx: Trx, accountId: AccountId, host: NewHost): Promise<void> {
  try {
    await trx
      .insertInto('hosts')
      .values({ host_id: host.hostId, account_id: accountId, name: host.name, sign_public: host.signPublic, box_public: host.boxPublic, current: true })
      .execute();
  } catch (error) {
    if (violates(error, 'hosts_pkey')) throw new Fault('ACCOUNT_EXISTS', { found: 'a host with these keys', cause: error });
    throw error;
  }
}

/** Grants for devices of the chain and its recovery key only, of generations that exist; a later grant replaces the one before. */
async function saveGrants(trx: Trx, state: ChainState, by: HostId, grants: readonly Grant[]): Promise<void> {
  for (const { recipient, generation, bytes } of grants) {
    const known = recipient === state.recovery.hostId || currentDevice(state, recipient as HostId) !== undefined;
    if (!known || generation > state.generation) {
      throw new Fault('REQUEST_INVALID', { subject: 'body.grants', expected: `a current device and a generation up to ${state.generation}`, found: `${recipient}, ${generation}` });
    }
    await trx
      .insertInto('grants')
      .values({ account_id: state.accountId, recipient, generation, bytes: bytesOf(bytes) })
      .onConflict((on) => on.columns(['account_id', 'recipient', 'generation']).doUpdateSet({ bytes: bytesOf(bytes) }))
      .execute();
    await record(trx, { accountId: state.accountId, kind: 'key-granted', hostId: by, detail: { recipient, generation }, leaf: { subject: recipient, sequence: generation, digest: sha256(bytesOf(bytes)) } });
  }
}

export async function readEntries(trx: Trx, accountId: AccountId): Promise<Buffer[]> {
  const rows = await trx.selectFrom('chain_entries').select('entry').where('account_id', '=', accountId).orderBy('position').execute();
  return rows.map((row) => row.entry);
}
