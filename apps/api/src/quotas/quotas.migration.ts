import { sql, type Kysely } from 'kysely';

/**
 * What accounts may have and do (decision 0028). Bytes are counted by the database itself, with every object that comes or goes, so that
 * coordinators of the version before count too while they still run. Each account has a row, made with it.
 */
export async function addQuotas(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const noBytesQuota = 9_007_199_254_740_991n;

const statements = [
  // For every account that has none of its own; written by each coordinator at its start.
  `alter table coordinator
    add column desktops_quota integer not null default 1024,
    add column bytes_quota bigint not null default ${noBytesQuota},
    add column moves_per_hour_quota integer not null default 10000`,
  // Null: the coordinator's. moves_until_ms: see allowance.ts. Rows are updated often: room for new versions beside the old ones.
  `create table account_quotas (
    account_id uuid primary key references accounts,
    desktops integer,
    bytes bigint,
    moves_per_hour integer,
    used_bytes bigint not null default 0,
    moves_until_ms double precision not null default 0
  ) with (fillfactor = 50)`,
  `create function add_account_quotas() returns trigger language plpgsql as $$
    begin insert into account_quotas (account_id) select account_id from added; return null; end $$`,
  `create function count_object_bytes() returns trigger language plpgsql as $$
    begin
      update account_quotas q set used_bytes = q.used_bytes + changed.bytes
      from (select account_id, sum(case tg_op when 'DELETE' then - length_bytes else length_bytes end) as bytes from moved group by account_id) changed
      where q.account_id = changed.account_id;
      return null;
    end $$`,
  // From here on nobody else writes to the two tables until this has ended: the sums below miss nothing.
  `create trigger accounts_have_quotas after insert on accounts referencing new table as added for each statement execute function add_account_quotas()`,
  `create trigger objects_counted after insert on objects referencing new table as moved for each statement execute function count_object_bytes()`,
  `create trigger objects_discounted after delete on objects referencing old table as moved for each statement execute function count_object_bytes()`,
  `insert into account_quotas (account_id, used_bytes)
    select a.account_id, coalesce(o.bytes, 0) from accounts a left join (select account_id, sum(length_bytes) as bytes from objects group by account_id) o using (account_id)`,
];
