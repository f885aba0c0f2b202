import { sql } from 'kysely';
import { Fault, type AccountId } from '@godwit/base';
import { manifestKeyOf, packKeyOf, type ManifestPublic } from '@godwit/snapshot';
import type { Trx } from '../database/database.ts';

/** Objects named at once in one query; a parameter list has a limit and a plan its cost. */
const keysPerQuery = 4096;

/**
 * Every pack that the checkpoint needs is stored whole, with the length and digest that the manifest says, whichever desktop of the
 * account it was written for. Returns the ids of all its objects, for the checkpoint's row; the caller keeps collection out (collection-lock.ts).
 *
 * What was condemned and is needed again is taken back here. What is being deleted already is COMMIT_PACK_MISSING: its writer
 * slept through the grace time, and has to upload under new names.
 */
export async function takeReferences(trx: Trx, accountId: AccountId, manifest: ManifestPublic): Promise<number[]> {
  const packs = new Map(manifest.packs.map((pack) => [packKeyOf(pack), pack]));
  const keys = [...packs.keys(), manifestKeyOf(manifest)];
  const objectIds: number[] = [];
  for (let start = 0; start < keys.length; start += keysPerQuery) {
    const rows = await trx
      .selectFrom('objects')
      .select(['object_id', 'object_key', 'length_bytes', 'sha256', 'deleting_at', 'stored'])
      .where('account_id', '=', accountId)
      .where('object_key', 'in', keys.slice(start, start + keysPerQuery))
      .execute();
    for (const row of rows) {
      // Announced, and not there when the store was asked.
      if (!row.stored) continue;
      const pack = packs.get(row.object_key);
      if (pack !== undefined && row.deleting_at !== null) throw new Fault('COMMIT_PACK_MISSING', { subject: `pack ${pack.packId}`, found: 'one that is being deleted: nothing referred to it for longer than the grace time' });
      if (pack !== undefined && (row.length_bytes !== pack.lengthBytes || !row.sha256.equals(pack.digest))) {
        throw new Fault('COMMIT_PACK_MISSING', { subject: `pack ${pack.packId}`, expected: `${pack.lengthBytes} bytes of the digest in the manifest`, found: `${row.length_bytes} bytes` });
      }
      if (row.deleting_at === null) objectIds.push(row.object_id);
      packs.delete(row.object_key);
    }
  }
  const [absent] = packs.values();
  if (absent !== undefined) throw new Fault('COMMIT_PACK_MISSING', { subject: `pack ${absent.packId}`, found: 'none' });
  const { rows: taken } = await sql<{ object_key: string; deleting_at: Date | null }>`
    update objects set committed = true, condemned_at = null, condemned_epoch = null
    where object_id = any(${objectIds}::bigint[]) and (not committed or condemned_at is not null) returning object_key, deleting_at`.execute(trx);
  // A collection of the version before, at another coordinator, was in between.
  const late = taken.find(({ deleting_at: deletingAt }) => deletingAt !== null);
  if (late !== undefined) throw new Fault('COMMIT_PACK_MISSING', { subject: late.object_key, found: 'one that is being deleted' });
  return objectIds;
}
