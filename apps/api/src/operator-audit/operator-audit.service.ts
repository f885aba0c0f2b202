import { Inject, Injectable } from '@nestjs/common';
import { proveInclusion, type LogNode } from '@godwit/crypto';
import { bytesOf, textOf, type OperatorAudit, type QueryOf, type Routes } from '@godwit/wire';
import { AuditLog } from '../audit/audit-log.ts';
import { Coordinator } from '../coordinator-identity.ts';
import { Batches } from '../database/batches.ts';
import { reached, type Database } from '../database/database.ts';
import { databaseToken } from '../tokens.ts';
import { namesIn } from './names.ts';

const rowsMax = 100;

/** The audit log of all accounts, with what a browser needs to check it by itself. */
@Injectable()
export class OperatorAuditService {
  readonly #db: Database;
  readonly #log: AuditLog;
  readonly #coordinator: Coordinator;

  constructor(@Inject(databaseToken) db: Database, @Inject(AuditLog) log: AuditLog, @Inject(Coordinator) coordinator: Coordinator) {
    this.#db = db;
    this.#log = log;
    this.#coordinator = coordinator;
  }

  /** Newest first, each leaf with its proof for the head in the answer. A `seen` that was never signed here is TREE_HEAD_INVALID. */
  async read(query: QueryOf<Routes['readOperatorAudit']>): Promise<OperatorAudit> {
    const { head, consistency } = await this.#log.headSince(query.seen === undefined ? undefined : bytesOf(query.seen));
    const found = await this.#leaves(query, Math.min(head.size, Number(query.before ?? head.size)));
    const leaves = found.slice(0, rowsMax);
    const prove = this.#prover(head.size);
    const rows = await Promise.all(leaves.map(async (leaf) => ({
      index: leaf.leaf_index, kind: leaf.kind, accountId: leaf.account_id, desktopId: leaf.desktop_id, leaf: textOf(leaf.bytes), inclusion: (await prove(leaf.leaf_index)).map(textOf),
    })));
    const names = await reached(() => namesIn(this.#db, leaves.map(({ bytes }) => bytes)));
    return {
      logKey: textOf(this.#log.signPublic), audience: this.#coordinator.audience, head: textOf(head.bytes), consistency: consistency.map(textOf), rows, names,
      next: found.length > rowsMax ? (leaves.at(-1)?.leaf_index ?? null) : null,
    };
  }

  /** One more than a page, so that its end is known. */
  async #leaves({ kind, accountId, desktopId }: QueryOf<Routes['readOperatorAudit']>, below: number) {
    let query = this.#db.selectFrom('audit_leaves').select(['leaf_index', 'kind', 'account_id', 'desktop_id', 'bytes']).where('leaf_index', '<', below);
    if (kind !== undefined) query = query.where('kind', '=', kind);
    if (accountId !== undefined) query = query.where('account_id', '=', accountId);
    if (desktopId !== undefined) query = query.where('desktop_id', '=', desktopId);
    return reached(() => query.orderBy('leaf_index', 'desc').limit(rowsMax + 1).execute());
  }

  /** Proofs that are asked for together read their hashes together: two queries for a page, not one for each leaf. */
  #prover(size: number): (index: number) => Promise<Buffer[]> {
    const { reader } = this.#log;
    const nodes = new Batches<readonly LogNode[], Buffer[]>(async (wanted) => {
      const hashes = await reader.nodes(wanted.flat());
      let start = 0;
      return wanted.map((list) => hashes.slice(start, (start += list.length)));
    }, rowsMax);
    return (index) => proveInclusion(index, size, (wanted) => nodes.ask(wanted));
  }
}
