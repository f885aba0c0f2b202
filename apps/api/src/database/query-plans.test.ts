import { deepEqual } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { dropSharedCluster, newDatabaseUrl } from '../testing/shared-cluster.ts';
import { firstAdmin, type TestBrowser } from '../testing/browser.ts';
import { renew, saveDesktop, savePolicy, takeOver } from '../testing/lease-world.ts';
import { queriesOf } from '../testing/recorded-queries.ts';
import { addHost, commitOf, createDesktop, enrol, raiseStage, uploadPack, type Person, type Stage } from '../testing/stage.ts';
import type { TestClient } from '../testing/client.ts';

/**
 * What the requests of every day ask of a database that has rows enough for its planner to choose: each statement, as it was asked with its
 * values, finds its rows by an index. A sequence through a table that grows with the fleet fails here.
 */

/** Rows of other people, in thousands; enough of each for a sequence to be dearer than an index. */
const fillings = [
  `create function id(n bigint) returns uuid language sql immutable as $$ select md5(n::text)::uuid $$`,
  `insert into accounts (account_id, chain_length) select id(n), 1 from generate_series(1, 4000) n`,
  `insert into chain_entries select id(n), 0, '\\x00' from generate_series(1, 4000) n`,
  `insert into hosts (host_id, account_id, name, sign_public, box_public, current) select id(100000 + n), id(1 + n % 4000), 'h', '\\x00', '\\x00', true from generate_series(1, 8000) n`,
  `insert into grants select id(1 + n % 4000), id(100000 + n), 1, '\\x00' from generate_series(1, 8000) n`,
  `insert into desktops (account_id, desktop_id, name, holder_id, held, epoch, head_sequence) select id(1 + n % 4000), id(200000 + n), 'd-' || n, id(100000 + 1 + n % 8000), true, 1, 4 from generate_series(1, 10000) n`,
  `insert into wrapped_keys select id(1 + n % 4000), id(200000 + n), 1, '\\x00' from generate_series(1, 10000) n`,
  `insert into offline_policies (account_id, desktop_id, bytes, host_id, signed_ms) select id(1 + n % 4000), id(200000 + n), '\\x00', id(100000 + 1 + n % 8000), 1 from generate_series(1, 10000) n`,
  `insert into checkpoints (account_id, desktop_id, sequence, digest, epoch, host_id, commit_id, manifest, stored_bytes, created_ms, released, object_ids)
    select id(1 + n % 4000), id(200000 + n), s, '\\x00', 1, id(100000 + 1 + n % 8000), id(n * 10 + s), '\\x00', 1, 1, false, '{}' from generate_series(1, 10000) n, generate_series(1, 4) s`,
  `insert into objects (account_id, object_key, length_bytes, sha256)
    select id(1 + n % 4000), 'd-' || replace(id(200000 + n)::text, '-', '') || '/e-0000000000000001/h-' || replace(id(n)::text, '-', '') || '/p-' || k, 1, '\\x00' from generate_series(1, 10000) n, generate_series(1, 6) k`,
  `insert into events (account_id, kind, host_id, desktop_id, detail) select id(1 + n % 4000), 'desktop-acquired', id(100000 + 1 + n % 8000), id(200000 + 1 + n % 10000), '{}' from generate_series(1, 60000) n`,
  // Far behind the leaves of the log as it is, in the same partition.
  `insert into audit_leaves select 100000000 + n, id(1 + n % 4000), 'desktop-acquired', id(200000 + 1 + n % 10000), n, '\\x00' from generate_series(1, 60000) n`,
  `insert into audit_nodes select 0, 1000000000 + n, sha256(n::text::bytea) from generate_series(1, 120000) n`,
  `insert into request_nonces select id(100000 + 1 + n % 8000), sha256(n::text::bytea), now() + interval '1 hour' from generate_series(1, 20000) n`,
  `insert into moves (account_id, desktop_id, move_id, host_id, epoch, kind, state, told) select id(1 + n % 4000), id(200000 + n), id(n * 2 + m), id(100000 + 1 + n % 8000), 1, 'suspend', 'done', '{}' from generate_series(1, 10000) n, generate_series(1, 2) m`,
  `analyze`,
];

/** One row, or as many as there are operators: nothing that grows with the fleet. And partitions that are empty here. */
const small = new Set([...[1, 2, 3, 4, 5, 6, 7, 'rest'].map((name) => `audit_leaves_${name}`), 'coordinator', 'audit_log', 'operators', 'sessions', 'passkeys', 'invites', 'operator_acts']);

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly Node[];
}

const flat = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(flat)];

describe('on a database with many rows', { timeout: 120_000 }, () => {
  let stage: Stage;
  let client: pg.Client;
  let person: Person;
  let other: TestClient;
  let admin: TestBrowser;

  before(async () => {
    const databaseUrl = await newDatabaseUrl();
    stage = await raiseStage({ databaseUrl });
    [person, admin] = [await enrol(stage.coordinator), await firstAdmin(stage.coordinator)];
    other = await addHost(person, stage.coordinator, 'laptop-b');
    client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    for (const filling of fillings) await client.query(filling);
  });
  after(async () => {
    await client.end();
    await stage[Symbol.asyncDispose]();
    await dropSharedCluster();
  });

  /**
   * Of several indexes that would do, which one is taken is the planner's; that it takes one, and goes to a place in it and not through all of it,
   * is what is held here. `tables`: what has to be among the tables that were asked.
   */
  async function byIndex(act: () => Promise<unknown>, ...tables: readonly string[]): Promise<void> {
    const asked = (await queriesOf(act)).filter(({ text }) => /^\s*(with|select|insert|update|delete)\b/i.test(text));
    const seen = new Set<string>();
    for (const { text, values } of asked) {
      const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Node }] }>(`explain (format json) ${text}`, [...values]);
      for (const node of flat(rows[0]!['QUERY PLAN'][0].Plan)) {
        const table = node['Relation Name'];
        if (table !== undefined) seen.add(table.replace(/^audit_leaves_.*$/, 'audit_leaves'));
        const through = table !== undefined && node['Node Type'] === 'Seq Scan' ? table : node['Index Name'] !== undefined && node['Index Cond'] === undefined ? node['Index Name'] : undefined;
        if (through !== undefined && !small.has(table ?? through)) throw new Error(`${node['Node Type']} through all of ${through}: ${text}`);
      }
    }
    deepEqual(tables.filter((table) => !seen.has(table)), [], `it asked ${[...seen].join(', ')}`);
  }

  test('a renewal finds nonce, host and desktop by their keys', async () => {
    const { desktopId } = await saveDesktop(person.client, stage.coordinator, 'stop');
    await byIndex(() => renew(person.client, desktopId, 1), 'desktops', 'hosts');
  });

  test('so do acquiring, taking over and releasing', async () => {
    const saved = await saveDesktop(person.client, stage.coordinator);
    const { desktopId } = saved;
    await byIndex(() => person.client.ask('releaseDesktop', { params: { desktopId }, body: { epoch: 1 } }), 'desktops');
    await byIndex(() => other.ask('acquireDesktop', { params: { desktopId }, body: {} }), 'desktops', 'hosts', 'checkpoints', 'account_quotas', 'offline_policies');
    await byIndex(() => takeOver(person.client, saved, 2), 'desktops', 'account_quotas');
    await byIndex(() => savePolicy(person.client, desktopId, 'keep'));
  });

  test('URLs, objects and a commit with its packs', async () => {
    const desktopId = await createDesktop(person.client);
    const packs = [await uploadPack(person.client, stage.coordinator, desktopId, 1)];
    await byIndex(async () => packs.push(await uploadPack(person.client, stage.coordinator, desktopId, 1)), 'objects', 'account_quotas');
    const body = commitOf(person.client, { desktopId, epoch: 1, sequence: 1, packs });
    await byIndex(() => person.client.ask('commitCheckpoint', { params: { desktopId }, body }), 'objects', 'hosts', 'checkpoints', 'desktops');
    await byIndex(() => person.client.ask('readManifest', { params: { desktopId, sequence: '1' } }), 'checkpoints');
    await byIndex(() => person.client.ask('listCheckpoints', { params: { desktopId }, query: {} }), 'checkpoints');
  });

  test('the lists of an account: desktops, hosts, its chain and its keys', async () => {
    await createDesktop(person.client);
    await byIndex(() => person.client.ask('listDesktops'), 'desktops', 'account_quotas', 'wrapped_keys');
    await byIndex(() => person.client.ask('listHosts'), 'hosts');
    await byIndex(() => person.client.ask('readChain', { query: {} }), 'chain_entries');
  });

  test('heads, proofs, receipts and pages of the audit log', async () => {
    const { desktopId } = await saveDesktop(person.client, stage.coordinator);
    const { size } = await person.client.look();
    await byIndex(() => person.client.ask('readConsistency', { query: { from: '1', to: String(size) } }), 'audit_nodes');
    await byIndex(() => person.client.ask('listLeaves', { query: { size: String(size) } }), 'audit_nodes', 'audit_leaves');
    await byIndex(() => person.client.ask('readReceipt', { params: { desktopId }, query: { kind: 'checkpoint-committed', number: '1' } }), 'audit_nodes', 'audit_leaves');
    await byIndex(() => admin.ask('readOperatorAudit', { query: {} }));
    await byIndex(() => admin.ask('readOperatorAudit', { query: { accountId: person.accountId } }));
  });

  test('what happened to one desktop, as an operator looks at it', async () => {
    const { desktopId } = await saveDesktop(person.client, stage.coordinator);
    await byIndex(() => admin.ask('readDesktopDetail', { params: { accountId: person.accountId, desktopId } }));
  });
});
