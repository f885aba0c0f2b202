import { sql, type Kysely, type Migration } from 'kysely';
import { addJoinFacts } from '../accounts/join-facts.migration.ts';
import { addRecovery } from '../accounts/recovery.migration.ts';
import { addAuditLog } from '../audit/audit.migration.ts';
import { addDeadLetters } from '../jobs/dead-letters.migration.ts';
import { partitionLeaves } from '../audit/partitions.migration.ts';
import { addOwnership } from '../leases/ownership.migration.ts';
import { addUnseenObjects } from '../objects/unseen-objects.migration.ts';
import { addAskedJobs } from '../jobs/asked-jobs.migration.ts';
import { addMoves } from '../moves/moves.migration.ts';
import { addNotifications } from '../notify/notify.migration.ts';
import { addOperatorActs } from '../operators/acts.migration.ts';
import { addOperators } from '../operators/operators.migration.ts';
import { addAcknowledged } from '../overview/acknowledged.migration.ts';
import { addOperatorViews } from '../overview/views.migration.ts';
import { addCollection } from '../prune/prune.migration.ts';
import { addQuotas } from '../quotas/quotas.migration.ts';
import { addSecondBuckets } from '../second-bucket/second-bucket.migration.ts';
import { addReplicas } from '../replicas/replicas.migration.ts';

/**
 * The schema's history. Forward only: a migration that was released is never changed, and there is no way down (a backup
 * is). Each must be safe while coordinators of the version before still run.
 *
 * Everything of an account has the account in its primary key: a query for a foreign desktop finds no row, by construction.
 */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': { up: first },
  '0002-collection': { up: addCollection },
  '0003-audit-log': { up: addAuditLog },
  '0004-recovery': { up: addRecovery },
  '0005-ownership': { up: addOwnership },
  '0006-operators': { up: addOperators },
  '0007-moves': { up: addMoves },
  '0008-operator-views': { up: addOperatorViews },
  '0009-join-facts': { up: addJoinFacts },
  '0010-operator-acts': { up: addOperatorActs },
  '0011-acknowledged': { up: addAcknowledged },
  '0012-unseen-objects': { up: addUnseenObjects },
  '0013-replicas': { up: addReplicas },
  '0014-quotas': { up: addQuotas },
  '0015-dead-letters': { up: addDeadLetters },
  '0016-partitions': { up: partitionLeaves },
  '0017-second-bucket': { up: addSecondBuckets },
  '0018-notifications': { up: addNotifications },
  '0019-asked-jobs': { up: addAskedJobs },
};

async function first(db: Kysely<unknown>): Promise<void> {
  for (const statement of firstStatements) await sql.raw(statement).execute(db);
}

const firstStatements = [
  `create table coordinator (
    only_row boolean primary key check (only_row),
    audience text not null
  )`,
  `create table accounts (
    account_id uuid primary key,
    chain_length integer not null check (chain_length > 0),
    created_at timestamptz not null default now()
  )`,
  `create table chain_entries (
    account_id uuid not null references accounts,
    position integer not null check (position >= 0),
    entry bytea not null,
    primary key (account_id, position)
  )`,
  // host_id follows from the two keys and is global: one device is in one account.
  `create table hosts (
    host_id uuid primary key,
    account_id uuid not null references accounts,
    name text not null,
    sign_public bytea not null,
    box_public bytea not null,
    current boolean not null,
    joined_at timestamptz not null default now(),
    last_contact_at timestamptz,
    report jsonb
  )`,
  `create index hosts_of_account on hosts (account_id)`,
  `create table grants (
    account_id uuid not null references accounts,
    recipient uuid not null,
    generation bigint not null,
    bytes bytea not null,
    primary key (account_id, recipient, generation)
  )`,
  `create table joins (
    join_id uuid primary key,
    host_id uuid not null unique,
    code text not null,
    name text not null,
    sign_public bytea not null,
    box_public bytea not null,
    state text not null check (state in ('pending', 'approved', 'refused')),
    account_id uuid references accounts,
    expires_at timestamptz not null
  )`,
  `create index joins_by_code on joins (code)`,
  `create index joins_by_expiry on joins (expires_at)`,
  // The one row that decides: who may run the desktop, in which epoch, and what its head is.
  `create table desktops (
    account_id uuid not null references accounts,
    desktop_id uuid not null,
    name text not null,
    holder_id uuid not null references hosts,
    held boolean not null,
    epoch bigint not null check (epoch > 0),
    head_sequence bigint check (head_sequence > 0),
    created_at timestamptz not null default now(),
    primary key (account_id, desktop_id)
  )`,
  `create unique index desktops_by_name on desktops (account_id, lower(name))`,
  `create table wrapped_keys (
    account_id uuid not null,
    desktop_id uuid not null,
    generation bigint not null,
    bytes bytea not null,
    primary key (account_id, desktop_id, generation),
    foreign key (account_id, desktop_id) references desktops
  )`,
  `create table checkpoints (
    account_id uuid not null,
    desktop_id uuid not null,
    sequence bigint not null check (sequence > 0),
    digest bytea not null,
    parent bytea,
    epoch bigint not null,
    host_id uuid not null references hosts,
    commit_id uuid not null,
    manifest bytea not null,
    stored_bytes bigint not null,
    created_ms bigint not null,
    released boolean not null,
    acknowledged_at timestamptz not null default clock_timestamp(),
    primary key (account_id, desktop_id, sequence),
    unique (account_id, desktop_id, commit_id),
    foreign key (account_id, desktop_id) references desktops
  )`,
  `create table objects (
    account_id uuid not null references accounts,
    object_key text not null,
    length_bytes bigint not null,
    sha256 bytea not null,
    stored_at timestamptz not null default now(),
    primary key (account_id, object_key)
  )`,
  `create table request_nonces (
    host_id uuid not null,
    nonce bytea not null,
    expires_at timestamptz not null,
    primary key (host_id, nonce)
  )`,
  `create index request_nonces_by_expiry on request_nonces (expires_at)`,
  // What happened, in the transaction in which it happened.
  `create table events (
    event_id bigint generated always as identity primary key,
    account_id uuid not null references accounts,
    kind text not null,
    host_id uuid,
    desktop_id uuid,
    detail jsonb not null,
    recorded_at timestamptz not null default clock_timestamp()
  )`,
  `create index events_of_account on events (account_id, event_id)`,
];
