import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Migrator, sql } from 'kysely';
import { silentLog } from '@godwit/base';
import { openDatabase } from '../database/database.ts';
import { migrations } from '../database/migrations.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';

test('leaves from before there were partitions stay as they are, and each later one goes to the partition of its place', async () => {
  const db = openDatabase({ url: await newDatabaseUrl('empty') }, silentLog);
  const to = async (all: typeof migrations): Promise<void> => equal((await new Migrator({ db, provider: { getMigrations: () => Promise.resolve({ ...all }) } }).migrateToLatest()).error, undefined);
  const account = '1'.repeat(32);
  const add = (at: number) => sql`insert into audit_leaves (leaf_index, account_id, kind, number, bytes) values (${at}, ${account}, 'host-added', 1, '')`.execute(db);
  const places = async (): Promise<unknown[][]> => {
    const { rows } = await sql<{ place: string; leaf_index: number }>`select tableoid::regclass::text as place, leaf_index from audit_leaves where account_id = ${account} order by leaf_index`.execute(db);
    return rows.map((row) => [row.place, row.leaf_index]);
  };
  try {
    await to(Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '0016')));
    for (const at of [0, 1]) await add(at);
    await to(migrations);
    for (const at of [2, 2 ** 27 - 1, 2 ** 27, 8 * 2 ** 27 - 1, 8 * 2 ** 27]) await add(at);
    deepEqual(await places(), [
      ['audit_leaves_0', 0], ['audit_leaves_0', 1], ['audit_leaves_0', 2], ['audit_leaves_0', 2 ** 27 - 1],
      ['audit_leaves_1', 2 ** 27], ['audit_leaves_7', 8 * 2 ** 27 - 1], ['audit_leaves_rest', 8 * 2 ** 27],
    ]);
    await rejects(add(2 ** 27), { code: '23505' });
    await rejects(add(-1), { code: '23514' });
    const { rows } = await sql<{ table: string; indexes: number }>`
      select relid::regclass::text as table, (select count(*) from pg_index i where i.indrelid = relid) as indexes from pg_partition_tree('audit_leaves')`.execute(db);
    deepEqual([rows.length, new Set(rows.map(({ indexes }) => indexes))], [10, new Set([5])], 'each with all indexes, and none twice');
  } finally {
    await db.destroy();
  }
});
