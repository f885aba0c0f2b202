import { sql, type Kysely } from 'kysely';

/**
 * Whether a desktop's epoch is held strictly, and the policy that says so for the epochs to come. When a strict lease was last renewed is
 * not here (docs/decisions/0011). A coordinator of the version before writes neither: what it lets acquire stays as the epoch before was.
 */
export async function addOwnership(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `alter table desktops add column offline text not null default 'keep' check (offline in ('keep', 'stop'))`,
  // The coordinator whose memory of renewals counts: a name that it drew when it started.
  `alter table coordinator add column lease_keeper text`,
  // As a device of the account signed it; of two the one that was signed later.
  `create table offline_policies (
    account_id uuid not null,
    desktop_id uuid not null,
    bytes bytea not null,
    host_id uuid not null references hosts,
    signed_ms bigint not null,
    primary key (account_id, desktop_id),
    foreign key (account_id, desktop_id) references desktops
  )`,
];
