import { Fault, type AccountId, type CommitId, type DesktopId } from '@godwit/base';
import type { ManifestPublic } from '@godwit/snapshot';
import { record } from '../audit/record.ts';
import type { Trx } from '../database/database.ts';
import type { Caller } from '../http/caller.ts';
import { allowed, dropLease, lockLease, requireCurrent } from '../leases/lease.transitions.ts';
import { takeReferences } from '../prune/references.ts';

export interface Commit {
  readonly desktopId: DesktopId;
  readonly commitId: CommitId;
  readonly epoch: number;
  readonly release: boolean;
  /** SHA-256 of `bytes`. */
  readonly digest: Buffer;
  readonly bytes: Buffer;
  /** The host's word about the log, checked; absent for a fork. */
  readonly witness?: Buffer;
  /** The public part, whose signature the caller of this function has verified. */
  readonly manifest: ManifestPublic;
}

export interface Committed {
  readonly sequence: number;
  readonly digest: Buffer;
  readonly acknowledged: Date;
  readonly released: boolean;
  /** False when the same commit was acknowledged before. */
  readonly changed: boolean;
}

/**
 * Makes a checkpoint the head: compare-and-set on (epoch, holder, head). With `release` the lease is given up in the same
 * transaction. The same commit again gets the first answer, also after the release and after later commits.
 */
export async function commitCheckpoint(trx: Trx, caller: Caller, commit: Commit): Promise<Committed> {
  const { accountId, hostId } = caller;
  const { desktopId, commitId, epoch, manifest, digest } = commit;
  await requireCurrent(trx, caller);
  const lease = await lockLease(trx, accountId, desktopId);
  const before = await findCommit(trx, caller, commit);
  if (before !== undefined) return before;
  await requireNewestKey(trx, accountId, manifest.keyGeneration);
  await allowed(trx, lease, { type: 'commit', host: hostId, epoch, parent: manifest.parent?.digest.toString('hex') ?? null, sequence: manifest.sequence });
  const acknowledged = await addCheckpoint(trx, caller, commit);
  await trx.updateTable('desktops').set({ head_sequence: manifest.sequence, durable_at: acknowledged }).where('account_id', '=', accountId).where('desktop_id', '=', desktopId).execute();
  await record(trx, { accountId, kind: 'checkpoint-committed', hostId, desktopId, detail: { epoch, sequence: manifest.sequence, digest: digest.toString('hex'), commitId }, leaf: { subject: commitId, epoch, sequence: manifest.sequence, digest, witness: commit.witness } });
  if (commit.release) {
    await dropLease(trx, accountId, desktopId);
    await record(trx, { accountId, kind: 'desktop-released', hostId, desktopId, detail: { epoch }, leaf: { epoch } });
  }
  return { sequence: manifest.sequence, digest, acknowledged, released: commit.release, changed: true };
}

/** A checkpoint that began before a revocation and ends after it would lie open to the device that is gone. Each revocation is one generation. */
async function requireNewestKey(trx: Trx, accountId: AccountId, found: number): Promise<void> {
  const { revoked } = await trx.selectFrom('hosts').select((select) => select.fn.countAll<number>().as('revoked')).where('account_id', '=', accountId).where('current', '=', false).executeTakeFirstOrThrow();
  if (found !== revoked + 1) throw new Fault('KEY_GENERATION_OLD', { expected: `key generation ${revoked + 1}`, found: `${found}` });
}

/**
 * The checkpoint's row, with all that it needs known to be stored and kept from collection. When it was acknowledged. The caller has locked the
 * desktop's row, or the account's: collection waits for either (prune/collection-lock.ts).
 */
export async function addCheckpoint(trx: Trx, { accountId, hostId }: Caller, commit: Commit): Promise<Date> {
  const { manifest } = commit;
  const objectIds = await takeReferences(trx, accountId, manifest);
  const { acknowledged_at: acknowledged } = await trx
    .insertInto('checkpoints')
    .values({
      account_id: accountId,
      desktop_id: commit.desktopId,
      sequence: manifest.sequence,
      digest: commit.digest,
      parent: manifest.parent?.digest ?? null,
      epoch: commit.epoch,
      host_id: hostId,
      commit_id: commit.commitId,
      manifest: commit.bytes,
      stored_bytes: manifest.packs.reduce((sum, pack) => sum + pack.lengthBytes, 0),
      created_ms: manifest.createdMs,
      released: commit.release,
      object_ids: objectIds,
    })
    .returning('acknowledged_at')
    .executeTakeFirstOrThrow();
  return acknowledged;
}

/** The answer that this commit got before; COMMIT_ID_REUSED when its id stands for another. */
export async function findCommit(trx: Trx, { accountId, hostId }: Caller, commit: Commit): Promise<Committed | undefined> {
  const row = await trx
    .selectFrom('checkpoints')
    .select(['sequence', 'digest', 'acknowledged_at', 'released', 'host_id', 'epoch'])
    .where('account_id', '=', accountId)
    .where('desktop_id', '=', commit.desktopId)
    .where('commit_id', '=', commit.commitId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const same = row.digest.equals(commit.digest) && row.host_id === hostId && row.epoch === commit.epoch && row.released === commit.release;
  if (!same) throw new Fault('COMMIT_ID_REUSED', { found: `checkpoint ${row.sequence}` });
  return { sequence: row.sequence, digest: row.digest, acknowledged: row.acknowledged_at, released: row.released, changed: false };
}
