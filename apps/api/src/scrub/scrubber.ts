import { sql } from 'kysely';
import { Fault, type AccountId, type DesktopId } from '@godwit/base';
import { scrubFindingsLimit, type Scrub } from '@godwit/wire';
import { reached, type Database, type Queries } from '../database/database.ts';
import { pause, type Upkeep } from '../jobs/upkeep.ts';
import type { StoredFile } from '../objects/object-directory.ts';

/** What can be asked for an object's length and SHA-256 by reading all of it. OBJECT_NOT_FOUND. */
export interface Inspector {
  inspect(accountId: AccountId, key: string): Promise<StoredFile>;
}

interface Due {
  readonly accountId: AccountId;
  readonly key: string;
  readonly lengthBytes: number;
  readonly sha256: Buffer;
}

const batchObjects = 64;

/** Reads what the store holds and compares it with what was committed: length and SHA-256 of the ciphertext. Needs no key. */
export class Scrubber {
  readonly #db: Database;
  readonly #inspector: Inspector;
  readonly #upkeep: Pick<Upkeep, 'scrubBytesPerSecond' | 'scrubAgainMs'>;

  constructor(db: Database, inspector: Inspector, upkeep: Pick<Upkeep, 'scrubBytesPerSecond' | 'scrubAgainMs'>) {
    this.#db = db;
    this.#inspector = inspector;
    this.#upkeep = upkeep;
  }

  /** Every object that some checkpoint was committed with and that was not looked at lately, the longest ago first, no faster than its rate. What it looked at. */
  async round(signal: AbortSignal): Promise<{ objects: number; bytes: number; damaged: number }> {
    const looked = { objects: 0, bytes: 0, damaged: 0 };
    for (;;) {
      const batch = await reached(() => this.#due());
      for (const object of batch) {
        if (signal.aborted) return looked;
        const finding = await this.#look(object);
        looked.objects += 1;
        looked.bytes += object.lengthBytes;
        if (finding !== null) looked.damaged += 1;
        await pause((object.lengthBytes / this.#upkeep.scrubBytesPerSecond) * 1000, signal);
      }
      if (batch.length < batchObjects) return looked;
    }
  }

  async #due(): Promise<Due[]> {
    const rows = await this.#db
      .selectFrom('objects')
      .leftJoin('scrubs', (join) => join.onRef('scrubs.account_id', '=', 'objects.account_id').onRef('scrubs.object_key', '=', 'objects.object_key'))
      .select(['objects.account_id', 'objects.object_key', 'objects.length_bytes', 'objects.sha256'])
      .where('objects.committed', '=', true)
      .where('objects.deleting_at', 'is', null)
      .where((where) => where.or([where('scrubs.looked_at', 'is', null), where('scrubs.looked_at', '<=', sql<Date>`clock_timestamp() - make_interval(secs => ${this.#upkeep.scrubAgainMs / 1000})`)]))
      .orderBy(sql`scrubs.looked_at nulls first`)
      .limit(batchObjects)
      .execute();
    return rows.map((row) => ({ accountId: row.account_id, key: row.object_key, lengthBytes: row.length_bytes, sha256: row.sha256 }));
  }

  async #look(object: Due): Promise<'missing' | 'length' | 'digest' | null> {
    const finding = await this.#compare(object);
    // From the object's row: collection may have deleted both since, and then there is nothing to say.
    await reached(() =>
      sql`
        insert into scrubs (account_id, object_key, looked_at, finding)
        select account_id, object_key, clock_timestamp(), ${finding} from objects
        where account_id = ${object.accountId} and object_key = ${object.key} and deleting_at is null
        on conflict (account_id, object_key) do update set looked_at = excluded.looked_at, finding = excluded.finding`.execute(this.#db),
    );
    return finding;
  }

  async #compare({ accountId, key, lengthBytes, sha256 }: Due): Promise<'missing' | 'length' | 'digest' | null> {
    try {
      const found = await this.#inspector.inspect(accountId, key);
      if (found.lengthBytes !== lengthBytes) return 'length';
      return found.sha256.equals(sha256) ? null : 'digest';
    } catch (error) {
      if (error instanceof Fault && error.code === 'OBJECT_NOT_FOUND') return 'missing';
      throw error;
    }
  }
}

/** What scrub last found of the objects that the desktop's checkpoints need, whichever desktop they were written for. */
export async function readScrub(db: Queries, accountId: AccountId, desktopId: DesktopId): Promise<Scrub> {
  const needed = sql`
    select distinct unnest(object_ids) as id from checkpoints where account_id = ${accountId} and desktop_id = ${desktopId} and dropped_at is null`;
  const { rows: [counts] } = await sql<{ objects: number; bytes: string | null; looked: number; oldest: Date | null }>`
    with needed as (${needed})
    select count(*) as objects, sum(o.length_bytes) as bytes, count(s.looked_at) as looked, min(s.looked_at) as oldest
    from needed left join objects o on o.object_id = needed.id left join scrubs s on s.account_id = o.account_id and s.object_key = o.object_key`.execute(db);
  const { rows: damaged } = await sql<{ object_key: string; finding: 'missing' | 'length' | 'digest'; looked_at: Date }>`
    with needed as (${needed})
    select s.object_key, s.finding, s.looked_at
    from needed join objects o on o.object_id = needed.id join scrubs s on s.account_id = o.account_id and s.object_key = o.object_key
    where s.finding is not null order by s.object_key limit ${scrubFindingsLimit}`.execute(db);
  return {
    objects: counts?.objects ?? 0,
    bytes: Number(counts?.bytes ?? 0),
    looked: counts?.looked ?? 0,
    oldestMs: counts?.oldest?.getTime() ?? null,
    damaged: damaged.map((row) => ({ key: row.object_key, finding: row.finding, lookedMs: row.looked_at.getTime() })),
  };
}
