import { sql, type Kysely } from 'kysely';

/** What operators look at and nobody else asks for: hosts kept out, when a desktop was last durable, runs of jobs, the store day by day, and the indexes of the lists. */
export async function addOperatorViews(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `alter table hosts add column barred_at timestamptz, add column barred_reason text`,
  `create index hosts_by_name on hosts (lower(name), host_id)`,
  `create index hosts_by_version on hosts ((report->>'agentVersion'))`,
  // When its head was acknowledged. A coordinator of the version before does not write it: then it is older than the truth, never newer.
  `alter table desktops add column durable_at timestamptz`,
  `update desktops d set durable_at = c.acknowledged_at from checkpoints c
    where c.account_id = d.account_id and c.desktop_id = d.desktop_id and c.sequence = d.head_sequence`,
  `create index desktops_in_order on desktops (lower(name), account_id, desktop_id)`,
  `create index desktops_by_durable on desktops ((coalesce(durable_at, created_at)), account_id, desktop_id)`,
  `create index desktops_exposed on desktops ((coalesce(durable_at, created_at))) where held or head_sequence is null`,
  `create index desktops_of_holder on desktops (holder_id) where held`,
  // The desktop that an object was written for: its key begins with d-<desktop>/ (libs/snapshot, layout.ts).
  `alter table objects add column desktop_id uuid generated always as
    (case when object_key ~ '^d-[0-9a-f]{32}/' then substring(object_key from 3 for 32)::uuid end) stored`,
  `create index objects_of_desktop on objects (account_id, desktop_id) include (length_bytes, condemned_at)`,
  `create index scrubs_found on scrubs (account_id, object_key) where finding is not null`,
  `create index events_of_desktop on events (account_id, desktop_id, event_id) where desktop_id is not null`,
  `create index events_of_forks on events (account_id, (detail->>'from')) where kind = 'desktop-forked'`,
  `create index audit_leaves_of_kind on audit_leaves (kind, leaf_index)`,
  `create index audit_leaves_by_desktop on audit_leaves (desktop_id, leaf_index) where desktop_id is not null`,
  `create table job_runs (
    run_id bigint generated always as identity primary key,
    job text not null,
    started_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    state text not null check (state in ('running', 'done', 'failed')),
    figures jsonb not null default '{}',
    fault text
  )`,
  `create index job_runs_of_job on job_runs (job, run_id desc)`,
  // One row a day, the last measure of it.
  `create table store_days (
    day date primary key,
    live_bytes bigint not null,
    dead_bytes bigint not null,
    objects bigint not null
  )`,
];
