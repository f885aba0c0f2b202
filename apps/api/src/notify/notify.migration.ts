import { sql, type Kysely } from 'kysely';

/** What was told outside of what needs a person, by channel (decision 0032): as many rows as that list is long, and one message for each channel. */
export async function addNotifications(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  // `message`: what its receiver has to take before there is another one; null: nothing.
  `create table notify_channels (
    channel text primary key,
    message_id text,
    message jsonb,
    made_at timestamptz,
    check ((message_id is null) = (message is null) and (message is null) = (made_at is null))
  )`,
  // `entry`: as it was told last; `missing_at`: since when it is not on the list any more.
  `create table notified (
    channel text not null references notify_channels,
    attention_id text not null,
    entry jsonb not null,
    missing_at timestamptz,
    primary key (channel, attention_id)
  )`,
];
