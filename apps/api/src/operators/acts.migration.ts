import { sql, type Kysely } from 'kysely';

/** What operators did. No reference to who they are: an operator who was removed stays in what is told of them. */
export async function addOperatorActs(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `create table operator_acts (
    act_id bigint generated always as identity primary key,
    done_at timestamptz not null default clock_timestamp(),
    operator_id uuid,
    operator_name text,
    act text not null,
    subject text not null,
    detail jsonb not null default '{}'
  )`,
  `create function refuse_change() returns trigger language plpgsql as $$ begin raise exception 'this record only grows'; end $$`,
  `create trigger operator_acts_only_grow before update or delete or truncate on operator_acts for each statement execute function refuse_change()`,
];
