import { sql, type Kysely } from 'kysely';

/** The audit log: one tree for all accounts. Its leaves and hashes are written once, and the database itself refuses anything else. */
export async function addAuditLog(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  // The seed of the key that signs tree heads. In the database, so that all replicas have the same; coordinators make it at their start.
  `alter table coordinator add column log_seed bytea check (octet_length(log_seed) = 32)`,
  // The one row that gives leaves their places. peaks: the hashes of the complete subtrees that make up the tree, largest first.
  `create table audit_log (
    only_row boolean primary key check (only_row),
    size bigint not null check (size >= 0),
    peaks bytea not null
  )`,
  `insert into audit_log values (true, 0, '')`,
  // No foreign keys: they would lock rows of others after the log's own. The columns before \`bytes\` repeat what is in it, to be found by.
  `create table audit_leaves (
    leaf_index bigint primary key check (leaf_index >= 0),
    account_id uuid not null,
    kind text not null,
    desktop_id uuid,
    number bigint,
    bytes bytea not null
  )`,
  `create index audit_leaves_of_account on audit_leaves (account_id, leaf_index)`,
  `create index audit_leaves_of_desktop on audit_leaves (account_id, desktop_id, kind, number)`,
  // Complete subtrees of RFC 6962: (level, position) covers the leaves from position * 2^level; level 0 are the leaves' hashes.
  `create table audit_nodes (
    level smallint not null check (level >= 0),
    position bigint not null check (position >= 0),
    hash bytea not null check (octet_length(hash) = 32),
    primary key (level, position)
  )`,
  `create function audit_refuse() returns trigger language plpgsql as $$
    begin raise exception 'the audit log only grows: no % of %', tg_op, tg_table_name using errcode = 'restrict_violation'; end $$`,
  `create function audit_grow() returns trigger language plpgsql as $$
    begin
      if new.size <= old.size then raise exception 'the audit log only grows: not from % to % leaves', old.size, new.size using errcode = 'restrict_violation'; end if;
      return new;
    end $$`,
  `create trigger audit_leaves_only_grow before update or delete or truncate on audit_leaves for each statement execute function audit_refuse()`,
  `create trigger audit_nodes_only_grow before update or delete or truncate on audit_nodes for each statement execute function audit_refuse()`,
  `create trigger audit_log_stays before delete or truncate on audit_log for each statement execute function audit_refuse()`,
  `create trigger audit_log_only_grows before update on audit_log for each row execute function audit_grow()`,
];
