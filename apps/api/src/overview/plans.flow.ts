import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sql, type RawBuilder } from 'kysely';
import pg from 'pg';
import type { AccountId, DesktopId, HostId } from '@godwit/base';
import type { Database } from '../database/database.ts';
import { moveQuery } from '../moves/move-rows.ts';
import { forkQuery, nodeQuery } from '../operator-desktops/desktop-history.ts';
import { extentQuery, pageQuery } from '../operator-desktops/desktop-list.ts';
import { holdQuery, hostQuery } from '../operator-hosts/host-list.ts';
import { reportOf, shown, Views } from '../testing/views.ts';
import { exposedQuery, lostHostQuery, troubledQuery } from './facts.ts';

const desktops = 10_000;

/** Accounts of ten hosts and a hundred desktops, each desktop with three checkpoints of two objects, three moves and three events; written as rows, a minute apart. */
async function fill({ db, databaseUrl }: Views): Promise<{ accountId: AccountId; desktopId: DesktopId; hostId: HostId }> {
  const told = JSON.stringify(reportOf({ state: 'done' }));
  // Not through the coordinator's pool: that gives up what takes long, and this may.
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`
    insert into accounts (account_id, chain_length) select lpad(to_hex(a), 32, 'a')::uuid, 10 from generate_series(1, ${desktops / 100}) a;
    insert into hosts (host_id, account_id, name, sign_public, box_public, current, last_contact_at)
      select md5('h' || a || '-' || h)::uuid, lpad(to_hex(a), 32, 'a')::uuid, 'host-' || a || '-' || h, '', '', true, now() - make_interval(mins => a) from generate_series(1, ${desktops / 100}) a, generate_series(0, 9) h;
    insert into desktops (account_id, desktop_id, name, holder_id, held, epoch, head_sequence, durable_at)
      select lpad(to_hex(a), 32, 'a')::uuid, md5('d' || a || '-' || d)::uuid, 'desktop-' || a || '-' || d, md5('h' || a || '-' || d % 10)::uuid, d % 2 = 0, 1, 3, now() - make_interval(mins => a * d / 20)
      from generate_series(1, ${desktops / 100}) a, generate_series(1, 100) d;
    insert into objects (account_id, object_key, length_bytes, sha256, committed)
      select account_id, 'd-' || replace(desktop_id::text, '-', '') || '/e-' || o, 1000, '', true from desktops, generate_series(1, 6) o;
    insert into checkpoints (account_id, desktop_id, sequence, digest, epoch, host_id, commit_id, manifest, stored_bytes, created_ms, released, object_ids)
      select d.account_id, d.desktop_id, s, decode(md5(d.desktop_id::text || s) || md5(s::text), 'hex'), 1, d.holder_id, gen_random_uuid(), '', 2000, 1, false,
        o.ids from desktops d join (select account_id, desktop_id, array_agg(object_id) as ids from objects group by account_id, desktop_id) o using (account_id, desktop_id), generate_series(1, 3) s;
    insert into moves (account_id, desktop_id, move_id, host_id, epoch, kind, state, told, started_at)
      select account_id, desktop_id, gen_random_uuid(), holder_id, 1, 'checkpoint', 'done', '${told}', now() - make_interval(mins => n * 7) from desktops, generate_series(1, 3) n;
    insert into events (account_id, kind, desktop_id, detail) select account_id, 'desktop-acquired', desktop_id, '{}' from desktops, generate_series(1, 3);
    analyze;`).finally(() => client.end());
  const row = await db.selectFrom('desktops').select(['account_id', 'desktop_id', 'holder_id']).where('held', '=', true).limit(1).executeTakeFirstOrThrow();
  return { accountId: row.account_id, desktopId: row.desktop_id, hostId: row.holder_id };
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Plans'?: readonly PlanNode[];
}

/** The tables that the plan reads whole, and the indexes that it uses. */
async function planOf(db: Database, query: RawBuilder<unknown>): Promise<{ whole: string[]; indexes: string[] }> {
  const { rows } = await sql<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>`explain (format json) ${query}`.execute(db);
  const nodes: PlanNode[] = [];
  const collect = (node: PlanNode): void => {
    nodes.push(node);
    node.Plans?.forEach(collect);
  };
  collect(rows[0]!['QUERY PLAN'][0]!.Plan);
  return {
    whole: nodes.flatMap((node) => (node['Node Type'] === 'Seq Scan' ? [node['Relation Name'] ?? ''] : [])),
    indexes: nodes.flatMap((node) => node['Index Name'] ?? []),
  };
}

describe('the queries of the operators\' views on 10,000 desktops', () => {
  it('read pages by index and no table whole, and show each desktop on one page', async () => {
    await using views = await Views.raise();
    const { db } = views;
    const { accountId, desktopId, hostId } = await fill(views);
    const page = [{ account_id: accountId, desktop_id: desktopId }];
    const plans: readonly (readonly [string, RawBuilder<unknown>, string])[] = [
      ['desktops by name', pageQuery([], {}), 'desktops_in_order'],
      ['desktops, the least protected first', pageQuery([], { sort: 'durable' }), 'desktops_by_durable'],
      ['desktops of a host', pageQuery([], { hostId }), 'desktops_of_holder'],
      ['checkpoints and bytes of a page', extentQuery(page), 'objects_of_desktop'],
      ['hosts by name', hostQuery([], sql`true`, 0, 100), 'hosts_by_name'],
      ['what hosts hold', holdQuery([hostId]), 'desktops_of_holder'],
      ['newest moves', moveQuery(sql`true`, 200), 'moves_by_start'],
      ['moves of a desktop', moveQuery(sql`mv.account_id = ${accountId} and mv.desktop_id = ${desktopId}`, 200), 'moves_of_desktop'],
      ['failed moves', moveQuery(sql`mv.state = 'failed'`, 200), 'moves_by_state'],
      ['checkpoints of a desktop', nodeQuery(accountId, desktopId), 'checkpoints_pkey'],
      ['forks of a desktop', forkQuery(accountId, desktopId), 'events_of_forks'],
      ['unprotected desktops', exposedQuery(), 'desktops_exposed'],
      ['moves in trouble', troubledQuery(), 'moves_of_desktop'],
    ];
    for (const [what, query, index] of plans) {
      const { whole, indexes } = await planOf(db, query);
      // There are a tenth as many hosts: to read them whole may be right.
      deepEqual(whole.filter((table) => table !== 'hosts'), [], `${what}: ${indexes.join(' ')}`);
      ok(indexes.includes(index), `${what} uses ${indexes.join(' ')}, not ${index}`);
    }
    ok(!(await planOf(db, lostHostQuery([]))).whole.includes('desktops'));

    const seen = new Set<string>();
    for (const from of [0, 100, 5_000, 9_900]) {
      const { desktops: rows, total } = await shown('listAllDesktops', views.desktops.list({ from: String(from) }));
      deepEqual([rows.length, total], [100, desktops]);
      for (const { accountId, desktopId, checkpoints, storedBytes } of rows) {
        seen.add(accountId + desktopId);
        deepEqual([checkpoints, storedBytes], [3, 6_000]);
      }
    }
    equal(seen.size, 400);
    deepEqual((await views.desktops.list({ from: String(desktops) })).desktops, []);
    const overview = await shown('readOverview', views.overview.read());
    equal(Object.values(overview.desktops).reduce((sum, count) => sum + count, 0), desktops);
    equal(overview.store.objects, 6 * desktops);
    ok(overview.attention.length <= 200);
  });
});
