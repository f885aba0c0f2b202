import { sql, type Kysely } from 'kysely';

/**
 * What lies in a second bucket (decision 0031), and where the store's own objects were last looked for. The database itself notes what is gone from the
 * store, so that coordinators of the version before do too while they still run.
 */
export async function addSecondBuckets(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `create table second_buckets (
    bucket_id integer generated always as identity primary key,
    place text not null unique,
    first_at timestamptz not null default clock_timestamp()
  )`,
  // Without copied_at it may be there: it is written before the object. No reference to objects: a row stays until the object is removed there too.
  `create table second_copies (
    account_id uuid not null,
    object_key text not null,
    bucket_id integer not null references second_buckets,
    length_bytes bigint not null,
    copied_at timestamptz,
    gone_at timestamptz,
    removing_at timestamptz,
    primary key (account_id, object_key, bucket_id)
  )`,
  `create index second_copies_gone on second_copies (bucket_id, gone_at) where gone_at is not null`,
  `create function note_gone_objects() returns trigger language plpgsql as $$
    begin
      update second_copies c set gone_at = clock_timestamp() from gone where c.account_id = gone.account_id and c.object_key = gone.object_key and c.gone_at is null;
      return null;
    end $$`,
  `create trigger objects_gone after delete on objects referencing old table as gone for each statement execute function note_gone_objects()`,
  // Where objects were looked for, and up to which one; null: all of them were.
  `alter table coordinator
    add column store_place text,
    add column store_looked_to bigint`,
];
