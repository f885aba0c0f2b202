import { sql } from 'kysely';
import { Fault, type AccountId, type DesktopId } from '@godwit/base';
import { peaksOf, proveConsistency, proveInclusion, rootFromPeaks, type LogNode } from '@godwit/crypto';
import { auditPageLimit } from '@godwit/wire';
import { reached, type Queries } from '../database/database.ts';
import { splitPeaks } from './append-leaf.ts';

/** A leaf as it is stored. */
export interface StoredLeaf {
  readonly index: number;
  readonly bytes: Buffer;
}

/** Reads the log. What it reads never changes, so it needs neither locks nor transactions: whoever knows a size can read its tree. */
export class LogReader {
  readonly #db: Queries;

  constructor(db: Queries) {
    this.#db = db;
  }

  async newest(): Promise<{ size: number; root: Buffer }> {
    const row = await reached(() => this.#db.selectFrom('audit_log').select(['size', 'peaks']).executeTakeFirst());
    if (row === undefined) throw new Fault('LOG_UNSOUND', { expected: 'the row of the log', found: 'none' });
    return { size: row.size, root: rootFromPeaks(splitPeaks(row.size, row.peaks)) };
  }

  /** The root when the log had `size` leaves; it has as many at least. */
  async rootAt(size: number): Promise<Buffer> {
    return rootFromPeaks(await this.nodes(peaksOf(size)));
  }

  inclusion(index: number, size: number): Promise<Buffer[]> {
    return proveInclusion(index, size, (nodes) => this.nodes(nodes));
  }

  consistency(from: number, to: number): Promise<Buffer[]> {
    return proveConsistency(from, to, (nodes) => this.nodes(nodes));
  }

  /** The hashes of complete subtrees, in order, with one query. Throws LOG_UNSOUND where one is not there. */
  async nodes(wanted: readonly LogNode[]): Promise<Buffer[]> {
    if (wanted.length === 0) return [];
    const { rows } = await reached(() =>
      sql<{ hash: Buffer | null }>`
        select hash from unnest(${wanted.map(({ level }) => level)}::smallint[], ${wanted.map(({ position }) => position)}::bigint[]) with ordinality as wanted (level, position, place)
        left join audit_nodes using (level, position) order by place`.execute(this.#db),
    );
    return rows.map(({ hash }, at) => {
      if (hash === null) throw new Fault('LOG_UNSOUND', { subject: `node ${wanted[at]!.level}/${wanted[at]!.position}`, found: 'none' });
      return hash;
    });
  }

  /** The account's leaf at `index`; another account's is not there. */
  async leaf(accountId: AccountId, index: number): Promise<StoredLeaf | undefined> {
    const row = await reached(() => this.#db.selectFrom('audit_leaves').select('bytes').where('account_id', '=', accountId).where('leaf_index', '=', index).executeTakeFirst());
    return row === undefined ? undefined : { index, bytes: row.bytes };
  }

  /** The newest leaf of this kind and number about a desktop. */
  async find(accountId: AccountId, desktopId: DesktopId, kind: string, number: number): Promise<StoredLeaf | undefined> {
    const row = await reached(() =>
      this.#db.selectFrom('audit_leaves').select(['leaf_index', 'bytes']).where('account_id', '=', accountId).where('desktop_id', '=', desktopId)
        .where('kind', '=', kind).where('number', '=', number).orderBy('leaf_index', 'desc').limit(1).executeTakeFirst(),
    );
    return row === undefined ? undefined : { index: row.leaf_index, bytes: row.bytes };
  }

  /** At most a page of the account's leaves, from index `from`, below `size`. */
  async page(accountId: AccountId, from: number, size: number): Promise<StoredLeaf[]> {
    const rows = await reached(() =>
      this.#db.selectFrom('audit_leaves').select(['leaf_index', 'bytes']).where('account_id', '=', accountId)
        .where('leaf_index', '>=', from).where('leaf_index', '<', size).orderBy('leaf_index').limit(auditPageLimit).execute(),
    );
    return rows.map((row) => ({ index: row.leaf_index, bytes: row.bytes }));
  }
}
