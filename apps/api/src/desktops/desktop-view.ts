import type { AccountId, DesktopId } from '@godwit/base';
import { checkpointsPageLimit, desktopsLimit, textOf, type Checkpoint, type Desktop, type EventMessage, type WrappedKey } from '@godwit/wire';
import type { Queries } from '../database/database.ts';

/** How rows become what clients read. All queries name the account: a foreign desktop is no row. */

const checkpointColumns = [
  'checkpoints.sequence',
  'checkpoints.digest',
  'checkpoints.parent',
  'checkpoints.epoch',
  'checkpoints.host_id',
  'checkpoints.created_ms',
  'checkpoints.acknowledged_at',
  'checkpoints.stored_bytes',
] as const;

interface CheckpointRow {
  readonly sequence: number;
  readonly digest: Buffer;
  readonly parent: Buffer | null;
  readonly epoch: number;
  readonly host_id: Checkpoint['hostId'];
  readonly host_name: string;
  readonly created_ms: number;
  readonly acknowledged_at: Date;
  readonly stored_bytes: number;
}

function checkpointOf(row: CheckpointRow): Checkpoint {
  return {
    sequence: row.sequence,
    digest: textOf(row.digest),
    parent: row.parent === null ? null : textOf(row.parent),
    epoch: row.epoch,
    hostId: row.host_id,
    hostName: row.host_name,
    createdMs: row.created_ms,
    acknowledgedMs: row.acknowledged_at.getTime(),
    bytes: row.stored_bytes,
  };
}

function checkpointQuery(db: Queries, accountId: AccountId) {
  return db
    .selectFrom('checkpoints')
    .innerJoin('hosts', 'hosts.host_id', 'checkpoints.host_id')
    .select(checkpointColumns)
    .select(['checkpoints.desktop_id', 'hosts.name as host_name'])
    .where('checkpoints.account_id', '=', accountId);
}

/** All desktops of the account, or the one of `desktopId`; by name. */
export async function readDesktops(db: Queries, accountId: AccountId, desktopId?: DesktopId): Promise<Desktop[]> {
  let query = db
    .selectFrom('desktops')
    .innerJoin('hosts', 'hosts.host_id', 'desktops.holder_id')
    .leftJoin('offline_policies', (join) => join.onRef('offline_policies.account_id', '=', 'desktops.account_id').onRef('offline_policies.desktop_id', '=', 'desktops.desktop_id'))
    .select(['desktops.desktop_id', 'desktops.name', 'desktops.holder_id', 'desktops.held', 'desktops.epoch', 'desktops.head_sequence', 'desktops.offline', 'desktops.created_at', 'hosts.name as holder_name', 'offline_policies.bytes as policy'])
    .where('desktops.account_id', '=', accountId);
  if (desktopId !== undefined) query = query.where('desktops.desktop_id', '=', desktopId);
  const rows = await query.orderBy('desktops.name').limit(desktopsLimit).execute();
  const ids = rows.map((row) => row.desktop_id);
  const heads = await readHeads(db, accountId, ids);
  const keys = await readWrappedKeys(db, accountId, ids);
  return rows.map((row) => ({
    desktopId: row.desktop_id,
    name: row.name,
    owner: row.held ? { hostId: row.holder_id, name: row.holder_name } : null,
    epoch: row.epoch,
    head: heads.get(row.desktop_id) ?? null,
    offline: row.offline,
    offlinePolicy: row.policy === null ? null : textOf(row.policy),
    wrappedKeys: keys.get(row.desktop_id) ?? [],
    createdMs: row.created_at.getTime(),
  }));
}

async function readHeads(db: Queries, accountId: AccountId, ids: readonly DesktopId[]): Promise<Map<DesktopId, Checkpoint>> {
  if (ids.length === 0) return new Map();
  const rows = await checkpointQuery(db, accountId)
    .innerJoin('desktops', (join) =>
      join.onRef('desktops.account_id', '=', 'checkpoints.account_id').onRef('desktops.desktop_id', '=', 'checkpoints.desktop_id').onRef('desktops.head_sequence', '=', 'checkpoints.sequence'),
    )
    .where('checkpoints.desktop_id', 'in', ids)
    .execute();
  return new Map(rows.map((row) => [row.desktop_id, checkpointOf(row)]));
}

async function readWrappedKeys(db: Queries, accountId: AccountId, ids: readonly DesktopId[]): Promise<Map<DesktopId, WrappedKey[]>> {
  const keys = new Map<DesktopId, WrappedKey[]>();
  if (ids.length === 0) return keys;
  const rows = await db
    .selectFrom('wrapped_keys')
    .select(['desktop_id', 'generation', 'bytes'])
    .where('account_id', '=', accountId)
    .where('desktop_id', 'in', ids)
    .orderBy('generation')
    .execute();
  for (const row of rows) keys.set(row.desktop_id, [...(keys.get(row.desktop_id) ?? []), { generation: row.generation, bytes: textOf(row.bytes) }]);
  return keys;
}

/** Newest first, below sequence `before`. */
export async function readCheckpoints(db: Queries, accountId: AccountId, desktopId: DesktopId, before: number): Promise<Checkpoint[]> {
  const rows = await checkpointQuery(db, accountId)
    .where('checkpoints.desktop_id', '=', desktopId)
    .where('checkpoints.dropped_at', 'is', null)
    .where('checkpoints.sequence', '<', before)
    .orderBy('checkpoints.sequence', 'desc')
    .limit(checkpointsPageLimit)
    .execute();
  return rows.map(checkpointOf);
}

/** One checkpoint with its manifest as base64url. */
export async function readManifest(db: Queries, accountId: AccountId, desktopId: DesktopId, sequence: number): Promise<{ checkpoint: Checkpoint; manifest: string } | undefined> {
  const row = await checkpointQuery(db, accountId)
    .select('checkpoints.manifest')
    .where('checkpoints.desktop_id', '=', desktopId)
    .where('checkpoints.dropped_at', 'is', null)
    .where('checkpoints.sequence', '=', sequence)
    .executeTakeFirst();
  return row === undefined ? undefined : { checkpoint: checkpointOf(row), manifest: textOf(row.manifest) };
}

export function changeOf({ desktopId, name, owner, epoch, head }: Desktop): EventMessage {
  return { type: 'desktop-changed', desktopId, name, owner, epoch, head };
}
