import { sql, type Kysely } from 'kysely';

/**
 * Who operates the coordinator. Of one-time codes and of sessions the database has the digest alone: whoever reads it, or a backup of it,
 * cannot sign in. What ends with an operator (passkeys, sessions, codes for another passkey) ends by reference.
 */
export async function addOperators(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  // Where its pages are, as the coordinator that started last was told: for the program that prints codes beside it.
  `alter table coordinator add column origin text`,
  `create table operators (
    operator_id uuid primary key,
    name text not null,
    role text not null check (role in ('viewer', 'operator', 'admin')),
    created_at timestamptz not null default now(),
    last_seen_at timestamptz,
    issuer text,
    subject text,
    check ((issuer is null) = (subject is null))
  )`,
  `create unique index operators_by_name on operators (lower(name))`,
  // As whom an OpenID provider knows it; null for one that has passkeys only.
  `create unique index operators_by_subject on operators (issuer, subject)`,
  // counter: what the authenticator said last; one that counts never says the same or less again.
  `create table passkeys (
    credential_id bytea primary key check (octet_length(credential_id) between 1 and 1023),
    operator_id uuid not null references operators on delete cascade,
    public_key bytea not null,
    counter bigint not null check (counter >= 0),
    transports text[] not null,
    created_at timestamptz not null default now(),
    last_used_at timestamptz
  )`,
  `create index passkeys_of_operator on passkeys (operator_id)`,
  // operator_id: another passkey of that one. name: of the operator that it makes. Neither: the first one, whoever it is.
  `create table invites (
    code_digest bytea primary key check (octet_length(code_digest) = 32),
    operator_id uuid references operators on delete cascade,
    name text,
    role text not null check (role in ('viewer', 'operator', 'admin')),
    expires_at timestamptz not null
  )`,
  `create table sessions (
    session_id uuid primary key,
    token_digest bytea not null unique check (octet_length(token_digest) = 32),
    operator_id uuid not null references operators on delete cascade,
    agent text not null,
    started_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    fresh_at timestamptz not null default now()
  )`,
  `create index sessions_of_operator on sessions (operator_id)`,
];
