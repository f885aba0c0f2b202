import { deepEqual, doesNotThrow, equal, notDeepEqual, ok, rejects } from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { newId, silentLog, systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { decodeLeaf, emptyRoot, leafHash, logKeyFromSeed, openTreeHead, openWitness, rootOfLeaves, sha256, signTreeHead, signWitness, verifyConsistency, verifyInclusion, type SignedTreeHead } from '@godwit/crypto';
import { bytesOf, textOf } from '@godwit/wire';
import { startCoordinator, type RunningCoordinator } from '../coordinator.ts';
import { identifyCoordinator } from '../coordinator-identity.ts';
import { openDatabase } from '../database/database.ts';
import { rowsOf } from '../testing/rows.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { addHost, commitOf, createDesktop, enrol, raiseStage, uploadPack, type Person, type Stage } from '../testing/stage.ts';
import { TestClient } from '../testing/client.ts';
import { AuditLog } from './audit-log.ts';
import { HeadMark } from './head-mark.ts';

interface Row {
  readonly bytes: Buffer;
}

describe('the audit log', () => {
  let stage: Stage;
  let url: string;
  let person: Person;
  let a: TestClient;
  let b: TestClient;

  before(async () => {
    url = await newDatabaseUrl();
    stage = await raiseStage({ databaseUrl: url });
    person = await enrol(stage.coordinator);
    a = person.client;
    b = await addHost(person, stage.coordinator, 'laptop-b');
  });
  after(() => stage[Symbol.asyncDispose]());

  /** As whoever has the database: past every rule of the coordinator. */
  const query = <Found extends object>(text: string): Promise<Found[]> => rowsOf<Found>(url, text);

  async function ownLeaves(client: TestClient): Promise<{ index: number; kind: string; epoch: number | null; sequence: number | null }[]> {
    const head = await client.look();
    const found = [];
    for (let from: number | null = 0; from !== null; ) {
      const page: Awaited<ReturnType<typeof client.ask<'listLeaves'>>> = await client.ask('listLeaves', { query: { from: String(from), size: String(head.size) } });
      for (const { index, leaf, inclusion } of page.leaves) {
        verifyInclusion({ index, size: head.size, leaf: leafHash(bytesOf(leaf)), proof: inclusion.map(bytesOf), root: head.root });
        found.push({ index, ...decodeLeaf(bytesOf(leaf)) });
      }
      from = page.next;
    }
    return found;
  }

  test('has a leaf for everything that happened, in order, each proven, and shows an account its own only', async () => {
    const mine = await enrol(stage.coordinator, 'x');
    const other = await addHost(mine, stage.coordinator, 'y');
    const desktopId = await createDesktop(mine.client);
    const pack = await uploadPack(mine.client, stage.coordinator, desktopId, 1);
    const commit = commitOf(mine.client, { desktopId, epoch: 1, sequence: 1, packs: [pack], release: true });
    await mine.client.ask('commitCheckpoint', { params: { desktopId }, body: commit });
    await mine.client.ask('commitCheckpoint', { params: { desktopId }, body: commit });
    await other.ask('acquireDesktop', { params: { desktopId }, body: {} });
    await other.ask('acquireDesktop', { params: { desktopId }, body: {} });
    await other.ask('releaseDesktop', { params: { desktopId }, body: { epoch: 2 } });
    const leaves = await ownLeaves(mine.client);
    deepEqual(leaves.map(({ kind, epoch, sequence }) => [kind, epoch, sequence]), [
      ['account-created', null, 0], ['key-granted', null, 1], ['key-granted', null, 1], ['host-added', null, 1], ['key-granted', null, 1],
      ['desktop-created', 1, null], ['checkpoint-committed', 1, 1], ['desktop-released', 1, null], ['desktop-acquired', 2, null], ['desktop-released', 2, null],
    ]);
    const [first] = leaves;
    const { size } = await a.look();
    await rejects(a.ask('readInclusion', { params: { index: String(first!.index) }, query: { size: String(size) } }), { code: 'LEAF_NOT_FOUND' });
    await mine.client.ask('readInclusion', { params: { index: String(first!.index) }, query: { size: String(size) } });
    for (const { index } of await ownLeaves(a)) ok(!leaves.some((leaf) => leaf.index === index));
  });

  test('is the tree of RFC 6962 over the stored leaves, at every size that was signed', async () => {
    const seen: SignedTreeHead[] = [await a.look()];
    for (let round = 0; round < 5; round += 1) {
      await createDesktop(a);
      seen.push(await a.look());
    }
    const rows = await query<Row>('select bytes from audit_leaves order by leaf_index');
    for (const head of seen) deepEqual(head.root, rootOfLeaves(rows.slice(0, head.size).map(({ bytes }) => bytes)));
    for (const from of seen) {
      for (const to of seen.filter(({ size }) => size >= from.size)) {
        const { consistency } = await b.ask('readConsistency', { query: { from: String(from.size), to: String(to.size) } });
        verifyConsistency({ from: from.size, fromRoot: from.root, to: to.size, toRoot: to.root, proof: consistency.map(bytesOf) });
      }
    }
    await rejects(a.ask('readConsistency', { query: { from: '1', to: '100000' } }), { code: 'REQUEST_INVALID' });
    await rejects(a.ask('listLeaves', { query: { size: '100000' } }), { code: 'REQUEST_INVALID' });
  });

  test('gives a receipt that proves a commit and an acquisition, with what the host had seen', async () => {
    const desktopId = await createDesktop(a);
    const pack = await uploadPack(a, stage.coordinator, desktopId, 1);
    const before = await a.look();
    const commit = commitOf(a, { desktopId, epoch: 1, sequence: 1, packs: [pack], release: true });
    await a.ask('commitCheckpoint', { params: { desktopId }, body: commit });
    const receipt = await a.ask('readReceipt', { params: { desktopId }, query: { kind: 'checkpoint-committed', number: '1', seen: textOf(before.bytes) } });
    const [head, bytes] = [openTreeHead(bytesOf(receipt.head), a), bytesOf(receipt.leaf)];
    verifyInclusion({ index: receipt.index, size: head.size, leaf: leafHash(bytes), proof: receipt.inclusion.map(bytesOf), root: head.root });
    verifyConsistency({ from: before.size, fromRoot: before.root, to: head.size, toRoot: head.root, proof: receipt.consistency.map(bytesOf) });
    const leaf = decodeLeaf(bytes);
    const digest = sha256(bytesOf(commit.manifest));
    deepEqual([leaf.hostId, leaf.desktopId, leaf.subject, leaf.epoch, leaf.sequence, leaf.digest], [a.device.hostId, desktopId, commit.commitId, 1, 1, digest]);
    deepEqual(openWitness(leaf.witness!, { ...a.device, digest }, a), before);
    verifyConsistency({ from: before.size, fromRoot: before.root, to: head.size, toRoot: head.root, proof: receipt.witnessed.map(bytesOf) });
    await rejects(a.ask('readReceipt', { params: { desktopId }, query: { kind: 'desktop-acquired', number: '2' } }), { code: 'LEAF_NOT_FOUND' });
    await b.ask('acquireDesktop', { params: { desktopId }, body: {} });
    const acquired = await b.ask('readReceipt', { params: { desktopId }, query: { kind: 'desktop-acquired', number: '2' } });
    equal(decodeLeaf(bytesOf(acquired.leaf)).hostId, b.device.hostId);
    const stranger = await enrol(stage.coordinator, 'z');
    await rejects(stranger.client.ask('readReceipt', { params: { desktopId }, query: { kind: 'desktop-acquired', number: '2' } }), { code: 'DESKTOP_NOT_FOUND' });
  });

  test('takes no commit without a witness of its own host, checkpoint and log', async () => {
    const desktopId = await createDesktop(a);
    const pack = await uploadPack(a, stage.coordinator, desktopId, 1);
    const commit = commitOf(a, { desktopId, epoch: 1, sequence: 1, packs: [pack] });
    const digest = sha256(bytesOf(commit.manifest));
    const foreign = signTreeHead({ ...a.seen, audience: a.audience }, logKeyFromSeed(systemRandom(32)).signSecret);
    const wrong: [Buffer, string][] = [
      [signWitness(digest, a.seen, b.device), 'LOG_WITNESS_INVALID'],
      [signWitness(sha256(), a.seen, a.device), 'LOG_WITNESS_INVALID'],
      [signWitness(digest, foreign, a.device), 'TREE_HEAD_INVALID'],
      [Buffer.from('no witness'), 'LOG_WITNESS_INVALID'],
    ];
    for (const [witness, code] of wrong) await rejects(a.ask('commitCheckpoint', { params: { desktopId }, body: { ...commit, witness: textOf(witness) } }), { code });
    const { witness: _, ...without } = commit;
    await rejects(a.ask('commitCheckpoint', { params: { desktopId }, body: without as typeof commit }), { code: 'REQUEST_INVALID' });
    await a.ask('commitCheckpoint', { params: { desktopId }, body: commit });
  });

  test('eight commits at once, and everything else at the same time: no gap, no deadlock, one tree', async () => {
    const desktops = await Promise.all(Array.from({ length: 8 }, () => createDesktop(a)));
    const packs = await Promise.all(desktops.map((desktopId) => uploadPack(a, stage.coordinator, desktopId, 1)));
    const { size: before } = await a.look();
    const work = desktops.map(async (desktopId: DesktopId, at) => {
      await a.ask('commitCheckpoint', { params: { desktopId }, body: commitOf(a, { desktopId, epoch: 1, sequence: 1, packs: [packs[at]!], release: true }) });
      await b.ask('acquireDesktop', { params: { desktopId }, body: {} });
    });
    const others = Array.from({ length: 4 }, () => enrol(stage.coordinator, 'n').then(({ client }) => createDesktop(client)));
    await Promise.all([...work, ...others]);
    const head = await a.look();
    const rows = await query<{ leaf_index: string; bytes: Buffer }>('select leaf_index, bytes from audit_leaves order by leaf_index');
    deepEqual(rows.map((row) => Number(row.leaf_index)), rows.map((_, index) => index));
    deepEqual(head.root, rootOfLeaves(rows.map(({ bytes }) => bytes)));
    equal(head.size - before, 8 * 3 + 4 * 4);
    const mine = (await ownLeaves(a)).filter(({ index }) => index >= before);
    equal(mine.filter(({ kind }) => kind === 'checkpoint-committed').length, 8);
  });

  test('one that another replica writes to while it is checked is found sound', async () => {
    const db = openDatabase({ url }, silentLog);
    const checked = new AbortController();
    const writing = (async () => {
      while (!checked.signal.aborted) await enrol(stage.coordinator, 'n');
    })();
    try {
      const { audience, logKey: key } = await identifyCoordinator(db, systemRandom);
      const log = new AuditLog({ db, audience, key, mark: new HeadMark(stage.dataDirectory, silentLog), clock: systemClock, log: silentLog });
      for (let round = 0; round < 25; round += 1) await log.check();
      doesNotThrow(() => log.requireServing());
    } finally {
      checked.abort();
      await writing;
      await db.destroy();
    }
  });

  test('what is refused leaves no leaf', async () => {
    const desktopId = await createDesktop(a);
    const { size } = await a.look();
    await rejects(b.ask('acquireDesktop', { params: { desktopId }, body: {} }), { code: 'DESKTOP_HELD_ELSEWHERE' });
    await rejects(a.ask('createDesktop', { body: { desktopId: newId(systemRandom), name: 'x y', wrappedKey: { generation: 1, bytes: textOf(systemRandom(82)) } } }), { code: 'REQUEST_INVALID' });
    equal((await a.look()).size, size);
  });

  test('no verb of the database changes or removes a leaf, a hash or the size', async () => {
    for (const table of ['audit_leaves', 'audit_leaves_0', 'audit_leaves_1', 'audit_leaves_rest', 'audit_nodes', 'audit_log']) {
      await rejects(query(`delete from ${table}`), /the audit log only grows/, table);
      await rejects(query(`truncate ${table}`), /the audit log only grows/, table);
    }
    await rejects(query(`update audit_leaves set bytes = ''`), /the audit log only grows/);
    await rejects(query(`update audit_nodes set hash = hash`), /the audit log only grows/);
    await rejects(query(`update audit_log set size = size - 1`), /the audit log only grows/);
  });
});

describe('a coordinator whose log is not what it was', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync('/tmp/godwit-api-audit-');
    chmodSync(folder, 0o711);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const start = (url: string, data: string): Promise<RunningCoordinator> =>
    startCoordinator({ dataDirectory: join(folder, data), listen: { host: '127.0.0.1', port: 0 }, databaseUrl: url, log: quiet });
  const quiet = { debug() {}, info() {}, warn() {}, error() {}, with: () => quiet };

  async function edit(url: string, ...statements: string[]): Promise<void> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    // What a thief with the database's own rights does: triggers do not stop the superuser.
    await client.query('set session_replication_role = replica');
    for (const statement of statements) await client.query(statement);
    await client.end();
  }

  async function readiness(coordinator: RunningCoordinator): Promise<[number, string | undefined]> {
    const response = await fetch(`${coordinator.url}/readyz`);
    return [response.status, ((await response.json()) as { code?: string }).code];
  }

  test('does not serve after any edit of leaves, columns, hashes or the size, and names the fault', async () => {
    const url = await newDatabaseUrl();
    const first = await start(url, 'edited');
    const { client } = await enrol(first);
    await createDesktop(client);
    await first.close();
    const edits: [string, string][] = [
      [`update audit_leaves set bytes = set_byte(bytes, 60, get_byte(bytes, 60) # 1) where leaf_index = 1`, `update audit_leaves set bytes = set_byte(bytes, 60, get_byte(bytes, 60) # 1) where leaf_index = 1`],
      [`update audit_leaves set kind = 'x' where leaf_index = 0`, `update audit_leaves set kind = 'account-created' where leaf_index = 0`],
      [`update audit_nodes set hash = set_byte(hash, 0, get_byte(hash, 0) # 1) where level = 1`, `update audit_nodes set hash = set_byte(hash, 0, get_byte(hash, 0) # 1) where level = 1`],
      [`update audit_nodes set position = 77 where level = 0 and position = 0`, `update audit_nodes set position = 0 where level = 0 and position = 77`],
      [`insert into audit_nodes values (9, 9, sha256(''))`, `delete from audit_nodes where level = 9`],
      [`update audit_log set peaks = set_byte(peaks, 0, get_byte(peaks, 0) # 1)`, `update audit_log set peaks = set_byte(peaks, 0, get_byte(peaks, 0) # 1)`],
      [`update audit_leaves set leaf_index = 100 where leaf_index = 3`, `update audit_leaves set leaf_index = 3 where leaf_index = 100`],
    ];
    for (const [change, back] of edits) {
      await edit(url, change);
      const broken = await start(url, 'edited');
      deepEqual(await readiness(broken), [503, 'LOG_UNSOUND'], change);
      await rejects(new TestClient(broken, client.device).ask('listDesktops'), { code: 'LOG_UNSOUND' });
      await broken.close();
      await edit(url, back);
    }
    const sound = await start(url, 'edited');
    deepEqual(await readiness(sound), [200, undefined]);
    equal((await new TestClient(sound, client.device).ask('listDesktops')).desktops.length, 1);
    await sound.close();
  });

  test('a leaf that is edited while it runs no longer proves anything', async () => {
    const url = await newDatabaseUrl();
    const coordinator = await start(url, 'live');
    const { client } = await enrol(coordinator);
    const desktopId = await createDesktop(client);
    const pack = await uploadPack(client, coordinator, desktopId, 1);
    await client.ask('commitCheckpoint', { params: { desktopId }, body: commitOf(client, { desktopId, epoch: 1, sequence: 1, packs: [pack] }) });
    await edit(url, `update audit_leaves set bytes = set_byte(bytes, 110, get_byte(bytes, 110) # 1) where kind = 'checkpoint-committed'`);
    const receipt = await client.ask('readReceipt', { params: { desktopId }, query: { kind: 'checkpoint-committed', number: '1' } });
    const head = openTreeHead(bytesOf(receipt.head), client);
    const claim = { index: receipt.index, size: head.size, leaf: leafHash(bytesOf(receipt.leaf)), proof: receipt.inclusion.map(bytesOf), root: head.root };
    await rejects(async () => verifyInclusion(claim), { code: 'LOG_PROOF_INVALID' });
    await coordinator.close();
  });

  /** Everything that happened after the first `size` leaves undone, consistently: what a restored backup is. */
  const rewindTo = (size: number, peaks: Buffer): string[] => [
    `delete from audit_leaves where leaf_index >= ${size}`,
    `delete from audit_nodes where (position + 1) * (1::bigint << level) > ${size}`,
    `update audit_log set size = ${size}, peaks = '\\x${peaks.toString('hex')}'`,
  ];

  async function peaksOfNow(url: string): Promise<Buffer> {
    const [row] = await rowsOf<{ peaks: Buffer }>(url, 'select peaks from audit_log');
    return row!.peaks;
  }

  test('a database that is rewound alone is found at the start by the head that was signed', async () => {
    const url = await newDatabaseUrl();
    const first = await start(url, 'rewound');
    const { client } = await enrol(first);
    const [old, peaks] = [await client.look(), await peaksOfNow(url)];
    await createDesktop(client);
    const newest = await client.look();
    await first.close();
    await edit(url, ...rewindTo(old.size, peaks));
    const second = await start(url, 'rewound');
    deepEqual(await readiness(second), [503, 'LOG_REWOUND']);
    const again = new TestClient(second, client.device);
    await rejects(again.ask('listDesktops'), { code: 'LOG_REWOUND' });
    // It still shows what it has, signed: the host that saw more has both heads as evidence.
    const shown = await again.ask('readTreeHead', { query: { seen: textOf(newest.bytes) } });
    deepEqual([openTreeHead(bytesOf(shown.head), client).root, shown.consistency], [old.root, []]);
    await second.close();
  });

  test('a whole machine that is rewound learns it from the first host that saw more, and stays closed', async () => {
    const url = await newDatabaseUrl();
    const first = await start(url, 'before');
    const { client } = await enrol(first);
    const [old, peaks] = [await client.look(), await peaksOfNow(url)];
    const desktopId = await createDesktop(client);
    const newest = await client.look();
    notDeepEqual(newest.root, old.root);
    await first.close();
    await edit(url, ...rewindTo(old.size, peaks));
    const second = await start(url, 'after'); // Another data directory: the mark is gone too.
    deepEqual(await readiness(second), [200, undefined]);
    const again = new TestClient(second, client.device);
    const forged = signTreeHead({ ...newest, size: 1_000_000 }, logKeyFromSeed(systemRandom(32)).signSecret);
    await rejects(again.ask('readTreeHead', { query: { seen: textOf(forged.bytes) } }), { code: 'TREE_HEAD_INVALID' });
    deepEqual(await readiness(second), [200, undefined]);
    await again.ask('readTreeHead', { query: { seen: textOf(newest.bytes) } });
    deepEqual(await readiness(second), [503, 'LOG_REWOUND']);
    await rejects(again.ask('readDesktop', { params: { desktopId } }), { code: 'LOG_REWOUND' });
    await second.close();
    const third = await start(url, 'after');
    deepEqual(await readiness(third), [503, 'LOG_REWOUND']);
    await third.close();
  });

  test('a commit that names a head of a lost past closes it too', async () => {
    const url = await newDatabaseUrl();
    const first = await start(url, 'witness');
    const { client } = await enrol(first);
    const desktopId = await createDesktop(client);
    const pack = await uploadPack(client, first, desktopId, 1);
    const [old, peaks] = [await client.look(), await peaksOfNow(url)];
    await createDesktop(client);
    await client.look();
    const body = commitOf(client, { desktopId, epoch: 1, sequence: 1, packs: [pack] });
    await first.close();
    await edit(url, ...rewindTo(old.size, peaks));
    const second = await start(url, 'witness-2');
    await rejects(new TestClient(second, client.device).ask('commitCheckpoint', { params: { desktopId }, body }), { code: 'LOG_REWOUND' });
    deepEqual(await readiness(second), [503, 'LOG_REWOUND']);
    await second.close();
  });

  test('the log key stays over a restart, and a log without leaves has the empty root', async () => {
    const url = await newDatabaseUrl();
    const first = await start(url, 'key');
    const key = first.logKey;
    const { logKey } = (await (await fetch(`${first.url}/healthz`)).json()) as { logKey: string };
    equal(logKey, textOf(key));
    await first.close();
    const second = await start(url, 'key');
    deepEqual(second.logKey, key);
    deepEqual(emptyRoot, sha256());
    await second.close();
  });
});
