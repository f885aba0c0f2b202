import { sql } from 'kysely';
import { Fault, type AccountId, type DesktopId, type HostId } from '@godwit/base';
import { appendToPeaks, encodeLeaf, leafHash, peaksOf, sha256Bytes, type AuditLeaf, type HashedNode } from '@godwit/crypto';
import type { Trx } from '../database/database.ts';

/** What happened, without its time and its place: both are given when it is written. */
export interface NewLeaf {
  readonly accountId: AccountId;
  readonly kind: string;
  /** Absent for what the coordinator does by itself. */
  readonly hostId?: HostId | undefined;
  readonly desktopId?: DesktopId | undefined;
  readonly subject?: string | undefined;
  readonly epoch?: number | undefined;
  readonly sequence?: number | undefined;
  readonly digest?: Buffer | undefined;
  readonly witness?: Buffer | undefined;
}

/** Leaves of transactions under way. They are written when the change is done, so that the log's row is locked last and for a moment. */
const gathered = new WeakMap<Trx, NewLeaf[]>();

/** Makes `leaf` part of the transaction: with it, it is in the log or it never was. Only inside `inTransaction`. */
export function appendLeaf(trx: Trx, leaf: NewLeaf): void {
  const leaves = gathered.get(trx);
  if (leaves === undefined) throw new Fault('INTERNAL', { expected: 'a transaction of inTransaction', found: leaf.kind });
  leaves.push(leaf);
}

export function gatherLeaves(trx: Trx): void {
  gathered.set(trx, []);
}

/**
 * Writes what was gathered as the next leaves, with every subtree that they complete: O(log n), in two statements. The row of
 * `audit_log` stays locked until the transaction has ended, so places have no gaps and no leaf is seen before the one in front of it.
 * Nothing else is locked after that row, so no transaction that holds it waits for another.
 */
export async function writeLeaves(trx: Trx): Promise<void> {
  const leaves = gathered.get(trx) ?? [];
  gathered.delete(trx);
  if (leaves.length === 0) return;
  const { size, peaks, nowMs } = await lockLog(trx);
  const encoded = leaves.map((leaf) => encodeLeaf(whole(leaf, nowMs)));
  const grown = appendToPeaks(size, peaks, encoded.map(leafHash));
  await sql`
    with leaves as (
      insert into audit_leaves (leaf_index, account_id, kind, desktop_id, number, bytes)
      select ${size} + place - 1, account_id, kind, desktop_id, number, bytes
      from unnest(${leaves.map(({ accountId }) => accountId)}::uuid[], ${leaves.map(({ kind }) => kind)}::text[], ${leaves.map(({ desktopId }) => desktopId ?? null)}::uuid[],
        ${leaves.map(numberOf)}::bigint[], ${encoded}::bytea[]) with ordinality as new (account_id, kind, desktop_id, number, bytes, place)
    ), nodes as (
      insert into audit_nodes (level, position, hash)
      select * from unnest(${grown.nodes.map(({ level }) => level)}::smallint[], ${grown.nodes.map(({ position }) => position)}::bigint[], ${grown.nodes.map(({ hash }: HashedNode) => hash)}::bytea[])
    )
    update audit_log set size = ${size + leaves.length}, peaks = ${Buffer.concat(grown.peaks)}`.execute(trx);
}

function whole({ accountId, kind, hostId, desktopId, subject, epoch, sequence, digest, witness }: NewLeaf, timeMs: number): AuditLeaf {
  return {
    accountId, kind, hostId: hostId ?? null, desktopId: desktopId ?? null, subject: subject ?? null, epoch: epoch ?? null, sequence: sequence ?? null,
    digest: digest ?? null, timeMs, witness: witness ?? null,
  };
}

/** By what a leaf is found beside its place: whatever begins an epoch by that, all else by its sequence. */
export function numberOf({ kind, epoch, sequence }: Pick<NewLeaf, 'kind'> & { readonly epoch?: number | null | undefined; readonly sequence?: number | null | undefined }): number | null {
  return (beginsEpoch.has(kind) ? epoch : sequence) ?? null;
}

const beginsEpoch: ReadonlySet<string> = new Set(['desktop-created', 'desktop-acquired', 'desktop-taken-over']);

async function lockLog(trx: Trx): Promise<{ size: number; peaks: Buffer[]; nowMs: number }> {
  const { rows } = await sql<{ size: number; peaks: Buffer; now_ms: number }>`
    select size, peaks, floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms from audit_log for no key update`.execute(trx);
  const [row] = rows;
  if (row === undefined) throw new Fault('LOG_UNSOUND', { expected: 'the row of the log', found: 'none' });
  return { size: row.size, peaks: splitPeaks(row.size, row.peaks), nowMs: row.now_ms };
}

/** Throws LOG_UNSOUND for another number of hashes than a tree of `size` leaves has peaks. */
export function splitPeaks(size: number, bytes: Buffer): Buffer[] {
  const expected = peaksOf(size).length;
  if (bytes.length !== expected * sha256Bytes) throw new Fault('LOG_UNSOUND', { expected: `${expected} peaks of ${size} leaves`, found: `${bytes.length} bytes` });
  return Array.from({ length: expected }, (_, index) => bytes.subarray(index * sha256Bytes, (index + 1) * sha256Bytes));
}
