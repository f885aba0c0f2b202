import { sql, type Kysely } from 'kysely';

/** Moves as their hosts tell of them: bounded per desktop and by age (moves.service.ts), advice for people, and nothing is decided by them. */
export async function addMoves(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  // told: what the wire's schema took, whole; the columns repeat of it what rows are found by. advanced_at: when it last got further.
  `create table moves (
    account_id uuid not null,
    desktop_id uuid not null,
    move_id uuid not null,
    host_id uuid not null references hosts,
    epoch bigint not null,
    kind text not null check (kind in ('suspend', 'checkpoint', 'resume')),
    state text not null check (state in ('running', 'done', 'failed', 'cancelled', 'unknown')),
    sequence bigint,
    told jsonb not null,
    started_at timestamptz not null default clock_timestamp(),
    told_at timestamptz not null default clock_timestamp(),
    advanced_at timestamptz not null default clock_timestamp(),
    primary key (account_id, desktop_id, move_id),
    foreign key (account_id, desktop_id) references desktops
  )`,
  `create index moves_of_desktop on moves (account_id, desktop_id, started_at desc)`,
  `create index moves_by_id on moves (move_id)`,
  `create index moves_by_start on moves (started_at desc)`,
  `create index moves_by_state on moves (state, started_at desc)`,
  `create index moves_running on moves (told_at) where state = 'running'`,
];
