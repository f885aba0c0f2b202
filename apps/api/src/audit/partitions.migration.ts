import { sql, type Kysely } from 'kysely';

/**
 * Leaves in partitions by their place (decision 0030): what is old lies apart from what is written, in tables of a size that can be vacuumed, copied and
 * indexed. The table keeps its name and its columns, so a coordinator of the version before goes on with it. What was there becomes the first partition
 * as it is, with its indexes: nothing is copied, it is read once.
 */
export async function partitionLeaves(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/** Leaves of one partition: with their indexes about 50 GB. */
const leavesEach = 2 ** 27;
/** Made at once, so that none has to be made in time; each costs every query that asks for an account something. Behind them comes the rest. */
const partitions = 8;

const indexes: Readonly<Record<string, string>> = {
  of_account: '(account_id, leaf_index)',
  of_desktop: '(account_id, desktop_id, kind, number)',
  of_kind: '(kind, leaf_index)',
  by_desktop: '(desktop_id, leaf_index) where desktop_id is not null',
};

const guard = (table: string): string =>
  `create trigger audit_leaves_only_grow before update or delete or truncate on ${table} for each statement execute function audit_refuse()`;
const partition = (at: number): string => `audit_leaves_${at}`;

const statements = [
  // Whoever writes leaves has this row first: they wait here, and hold nothing that this needs.
  `select from audit_log for update`,
  `alter table audit_leaves rename to ${partition(0)}`,
  `alter index audit_leaves_pkey rename to ${partition(0)}_pkey`,
  ...Object.keys(indexes).map((name) => `alter index audit_leaves_${name} rename to ${partition(0)}_${name}`),
  `create table audit_leaves (like ${partition(0)} including constraints, primary key (leaf_index)) partition by range (leaf_index)`,
  ...Object.entries(indexes).map(([name, columns]) => `create index audit_leaves_${name} on audit_leaves ${columns}`),
  guard('audit_leaves'),
  `alter table audit_leaves attach partition ${partition(0)} for values from (0) to (${leavesEach})`,
  ...Array.from({ length: partitions - 1 }, (_, before) => before + 1).flatMap((at) => [
    `create table ${partition(at)} partition of audit_leaves for values from (${at * leavesEach}) to (${(at + 1) * leavesEach})`,
    // A statement that names a partition does not come by the table's own trigger.
    guard(partition(at)),
  ]),
  `create table audit_leaves_rest partition of audit_leaves default`,
  guard('audit_leaves_rest'),
];
