import { sql, type Kysely } from 'kysely';

/**
 * What collection needs: which objects each checkpoint reaches, since when nothing reaches an object, and what scrub found.
 *
 * `object_ids` is null for a checkpoint that was committed before this migration: an account that has one is not collected.
 */
export async function addCollection(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `alter table objects
    add column object_id bigint generated always as identity unique,
    add column committed boolean not null default false,
    add column condemned_at timestamptz,
    add column condemned_epoch bigint,
    add column deleting_at timestamptz,
    add column refused_at timestamptz,
    add column refusal text`,
  `create index objects_condemned on objects (account_id, object_id) where condemned_at is not null`,
  // A dropped checkpoint stays as a row, so that a repeated commit still gets its first answer; what it holds goes after the grace time.
  `alter table checkpoints
    add column object_ids bigint[],
    add column dropped_at timestamptz`,
  `create table policies (
    account_id uuid not null,
    desktop_id uuid not null,
    bytes bytea not null,
    host_id uuid not null references hosts,
    signed_ms bigint not null,
    primary key (account_id, desktop_id),
    foreign key (account_id, desktop_id) references desktops
  )`,
  // No reference to objects: what is missing there is what scrub is for.
  `create table scrubs (
    account_id uuid not null,
    object_key text not null,
    looked_at timestamptz not null,
    finding text check (finding in ('missing', 'length', 'digest')),
    primary key (account_id, object_key)
  )`,
];
