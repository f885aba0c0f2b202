import { Fault, type DesktopId } from '@godwit/base';
import type { WrappedKey } from '@godwit/wire';
import { record } from '../audit/record.ts';
import { addCheckpoint, findCommit, type Commit } from '../checkpoints/commit.transition.ts';
import { violates, type Trx } from '../database/database.ts';
import type { Caller } from '../http/caller.ts';
import { createDesktop, dropLease, lockLease } from '../leases/lease.transitions.ts';

export interface Fork {
  /** The desktop that is forked. */
  readonly from: DesktopId;
  readonly name: string;
  readonly wrappedKey: WrappedKey;
  /** The new desktop's first checkpoint; `release` is true. */
  readonly commit: Commit;
  readonly replaces: { readonly keepAs: string; /** Hexadecimal. */ readonly expectedHead: string } | null;
}

/**
 * A new desktop, free, whose head is `commit`; with `replaces` it takes the name of the one that it was forked from. All or nothing:
 * there is no moment in which the name belongs to neither. `storeManifest` runs last, so that what is refused leaves no object.
 * False: the same fork was made before.
 */
export async function forkDesktop(trx: Trx, caller: Caller, fork: Fork, storeManifest: (trx: Trx) => Promise<void>): Promise<boolean> {
  const { accountId, hostId } = caller;
  const { from, commit, replaces } = fork;
  const { desktopId, manifest } = commit;
  if ((await findCommit(trx, caller, commit)) !== undefined) return false;
  await requireNew(trx, caller, desktopId);
  await requireOrigin(trx, caller, fork);
  // The creation locks the account, then names are taken; the old desktop's row after it, in the order in which everybody locks.
  if (replaces !== null) await giveNameUp(trx, caller, from, fork.name, replaces);
  await createDesktop(trx, caller, desktopId, fork.name, fork.wrappedKey);
  await storeManifest(trx);
  const acknowledged = await addCheckpoint(trx, caller, commit);
  await trx.updateTable('desktops').set({ head_sequence: manifest.sequence, durable_at: acknowledged }).where('account_id', '=', accountId).where('desktop_id', '=', desktopId).execute();
  await dropLease(trx, accountId, desktopId);
  await record(trx, { accountId, kind: 'desktop-forked', hostId, desktopId, detail: { from, sequence: manifest.forkedFrom?.sequence ?? 0, digest: commit.digest.toString('hex') }, leaf: { subject: from, epoch: 1, sequence: manifest.sequence, digest: commit.digest } });
  return true;
}

async function requireNew(trx: Trx, { accountId }: Caller, desktopId: DesktopId): Promise<void> {
  const row = await trx.selectFrom('desktops').select('name').where('account_id', '=', accountId).where('desktop_id', '=', desktopId).executeTakeFirst();
  if (row !== undefined) throw new Fault('DESKTOP_NAME_TAKEN', { found: `a desktop of the same id, named ${row.name}` });
}

/** The manifest begins a line with a checkpoint of `from` that is still kept, and lists its packs and no others. */
async function requireOrigin(trx: Trx, { accountId }: Caller, { from, commit: { manifest } }: Fork): Promise<void> {
  const { forkedFrom } = manifest;
  if (forkedFrom?.desktopId !== from || manifest.sequence !== 1 || manifest.epoch !== 1) {
    throw new Fault('FORK_REFUSED', { expected: `sequence 1 of epoch 1, forked from desktop ${from}`, found: `sequence ${manifest.sequence} of epoch ${manifest.epoch}, from ${forkedFrom?.desktopId ?? 'none'}` });
  }
  const row = await trx
    .selectFrom('checkpoints')
    .select('digest')
    .where('account_id', '=', accountId)
    .where('desktop_id', '=', from)
    .where('sequence', '=', forkedFrom.sequence)
    .where('dropped_at', 'is', null)
    .executeTakeFirst();
  if (row === undefined) throw new Fault('CHECKPOINT_NOT_FOUND', { found: `no sequence ${forkedFrom.sequence}` });
  if (!row.digest.equals(forkedFrom.digest)) throw new Fault('FORK_REFUSED', { expected: `the digest of checkpoint ${forkedFrom.sequence}`, found: 'another' });
  const own = manifest.packs.find((pack) => pack.desktopId === manifest.desktopId);
  if (own !== undefined) throw new Fault('FORK_REFUSED', { expected: 'packs of the checkpoint that is forked', found: own.packId });
}

/** Only a free desktop with the head that its user was told of gives its name up. */
async function giveNameUp(trx: Trx, { accountId, hostId }: Caller, from: DesktopId, name: string, { keepAs, expectedHead }: NonNullable<Fork['replaces']>): Promise<void> {
  await trx.selectFrom('accounts').select('account_id').where('account_id', '=', accountId).forNoKeyUpdate().executeTakeFirstOrThrow();
  const lease = await lockLease(trx, accountId, from);
  if (lease.held) throw new Fault('DESKTOP_IN_USE', { found: `epoch ${lease.epoch}` });
  if (lease.headDigest !== expectedHead) throw new Fault('HEAD_MOVED', { expected: 'the head that was named', found: `head ${lease.headSequence}` });
  const old = await trx.selectFrom('desktops').select('name').where('account_id', '=', accountId).where('desktop_id', '=', from).executeTakeFirstOrThrow();
  if (old.name !== name) throw new Fault('FORK_REFUSED', { expected: `the name ${old.name}`, found: name });
  try {
    await trx.updateTable('desktops').set({ name: keepAs }).where('account_id', '=', accountId).where('desktop_id', '=', from).execute();
  } catch (error) {
    if (violates(error, 'desktops_by_name')) throw new Fault('DESKTOP_NAME_TAKEN', { found: keepAs, cause: error });
    throw error;
  }
  await record(trx, { accountId, kind: 'desktop-renamed', hostId, desktopId: from, detail: {} });
}

