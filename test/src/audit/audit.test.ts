import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { appendToPeaks, leafHash, sha256 } from '@godwit/crypto';
import { assertRefused, startBusy, waitForState } from '../e2e/two-hosts.ts';
import { enrolSecond, House, type TestHost } from '../house/house.ts';
import { LyingProxy } from '../house/lying-proxy.ts';

/** The audit log with real programs: what is said to be safe is proven, and who shows another past is found out. */

const lid = /safe to close the lid/i;

function evidenceOf(host: TestHost): { code: string; remembered: string; shown: string; witness?: string }[] {
  const directory = join(host.home, 'evidence');
  return existsSync(directory) ? readdirSync(directory).map((file) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as never) : [];
}

/** As whoever has the coordinator's machine: past its rules, its triggers too. */
function sql(house: House, text: string): string {
  const socket = join(house.directory, 'c', 'run');
  return execFileSync('psql', ['-h', socket, '-U', 'godwit', '-d', 'postgres', '-XAtq', '-v', 'ON_ERROR_STOP=1'], { input: `set session_replication_role = replica; ${text}`, encoding: 'utf8' });
}

describe('a coordinator that lies', { timeout: 180_000 }, () => {
  let house: House;
  let proxy: LyingProxy;
  let a: TestHost;
  let b: TestHost;

  before(async () => {
    house = new House();
    await house.startCoordinator();
    proxy = await LyingProxy.before(house.url);
    [a, b] = await Promise.all([house.addHost('laptop-a'), house.addHost('laptop-b')]);
    await a.must('init', '--coordinator', proxy.url, '--name', a.name);
    await enrolSecond(a, b, proxy.url);
    await b.must('status');
    await startBusy(a, 'work');
  });
  after(async () => {
    proxy.close();
    await house.close();
  });

  test('that drops a commit and answers success is not believed: nobody is told that it is safe, and nothing is given up', async () => {
    let dropped = 0;
    proxy.lie = ({ method, path, body }) => {
      if (method !== 'POST' || !path.endsWith('/commits')) return undefined;
      dropped += 1;
      return body().then((bytes) => {
        const { manifest } = JSON.parse(bytes.toString()) as { manifest: string };
        return { sequence: 1, digest: sha256(Buffer.from(manifest, 'base64url')).toString('base64url'), acknowledgedMs: 1_700_000_000_000, released: true };
      });
    };
    const { exitCode, stdout, stderr } = await a.run(['suspend', 'work']);
    assert.equal(exitCode, 6, `${stdout}${stderr}`);
    assert.doesNotMatch(`${stdout}${stderr}`, lid);
    assert.match(stderr, /\[COMMIT_UNPROVEN\]/);
    assert.match(stderr, /do not close the lid/);
    assert.ok(dropped > 0);
    await waitForState(a, 'work', ['unknown']);
    assertRefused(await a.ask('stop', 'work'), 'COMMIT_UNKNOWN', 6);
  });

  test('that then tells the truth is believed: the agent has asked again, and the receipt is there', async () => {
    proxy.lie = () => undefined;
    await waitForState(a, 'work', ['free']);
    const [desktop] = readdirSync(join(a.home, 'receipts'));
    const file = join(a.home, 'receipts', desktop!, '1.json');
    const offline = await a.run(['audit', '--receipt', file]);
    assert.equal(offline.exitCode, 0, offline.stderr);
    assert.match(offline.stdout, /checkpoint-committed, checkpoint 1, epoch 1/);
    const receipt = JSON.parse(readFileSync(file, 'utf8')) as { leaf: string; index: number };
    const leaf = Buffer.from(receipt.leaf, 'base64url');
    leaf.writeUInt8(leaf.readUInt8(110) ^ 1, 110);
    const forged = join(house.directory, 'forged.json');
    writeFileSync(forged, JSON.stringify({ ...receipt, leaf: leaf.toString('base64url') }));
    assert.match((await a.run(['audit', '--receipt', forged])).stderr, /\[LOG_PROOF_INVALID\]/);
    writeFileSync(forged, '{}');
    assert.match((await a.run(['audit', '--receipt', forged])).stderr, /\[RECEIPT_INVALID\]/);
    const { findings, good, newest } = await a.must('audit');
    assert.deepEqual([findings, good], [[], true]);
    assert.ok(newest.some(({ kind, sequence }) => kind === 'checkpoint-committed' && sequence === 1));
  });

  test('that shows two hosts two pasts is found by both, with both signed heads as evidence', async () => {
    await house.stopCoordinator();
    await house.startCoordinator(new URL(house.url).host);
    rewrite(house);
    await house.stopCoordinator();
    rmSync(join(house.directory, 'c', 'log-head'), { force: true });
    // It verifies: the lie is whole, and signed with the right key. b saw nothing of what was rewritten.
    await house.startCoordinator(new URL(house.url).host);
    assert.equal((await fetch(`${house.url}/readyz`)).status, 200);
    await b.must('status');
    assertRefused(await b.ask('resume', 'work'), 'LOG_FORKED', 1, /laptop-a saw/);
    const [found] = evidenceOf(b);
    assert.equal(found?.code, 'LOG_FORKED');
    assert.ok(found.remembered !== '' && found.shown !== '' && found.witness !== undefined);
    assertRefused(await a.ask('status'), 'LOG_FORKED', 1);
    assert.equal(evidenceOf(a)[0]?.code, 'LOG_FORKED');
    assert.equal((await fetch(`${house.url}/readyz`)).status, 503, 'what a showed it proves to the coordinator itself that it is not what it was');
  });
});

/** Another time in the leaf of the desktop's creation, and the whole tree made to fit. */
function rewrite(house: House): void {
  const leaves = sql(house, `select encode(bytes, 'hex') from audit_leaves order by leaf_index`).trim().split('\n').map((text) => Buffer.from(text, 'hex'));
  const at = leaves.findIndex((bytes) => bytes.includes('desktop-created'));
  const changed = leaves[at]!;
  changed.writeUInt8(changed.readUInt8(changed.length - 3) ^ 1, changed.length - 3);
  const { nodes, peaks } = appendToPeaks(0, [], leaves.map(leafHash));
  const rows = nodes.map(({ level, position, hash }) => `(${level}, ${position}, '\\x${hash.toString('hex')}')`);
  sql(house, `update audit_leaves set bytes = '\\x${changed.toString('hex')}' where leaf_index = ${at}; delete from audit_nodes; insert into audit_nodes values ${rows.join(', ')}; update audit_log set peaks = '\\x${Buffer.concat(peaks).toString('hex')}'`);
}

describe('a coordinator whose machine was rewound', { timeout: 120_000 }, () => {
  test('is refused by name by a host that saw more, and does not serve from then on', async () => {
    await using house = new House();
    await house.startCoordinator();
    const listen = new URL(house.url).host;
    const a = await house.addHost('laptop-a');
    await a.must('init', '--coordinator', house.url, '--name', a.name);
    await a.must('status');
    await house.stopCoordinator();
    const [data, yesterday] = [join(house.directory, 'c'), join(house.directory, 'yesterday')];
    execFileSync('cp', ['-a', data, yesterday]);
    await house.startCoordinator(listen);
    await a.must('create', 'work', '--memory', '256M', '--disk', '64M');
    await a.must('status');
    await house.stopCoordinator();
    rmSync(data, { recursive: true });
    renameSync(yesterday, data);
    await house.startCoordinator(listen);
    assertRefused(await a.ask('status'), 'LOG_ROLLED_BACK', 1);
    assertRefused(await a.ask('audit'), 'LOG_ROLLED_BACK', 1);
    const [found] = evidenceOf(a);
    assert.ok(found?.code === 'LOG_ROLLED_BACK' && found.remembered !== found.shown);
    const readiness = await fetch(`${house.url}/readyz`);
    assert.deepEqual([readiness.status, ((await readiness.json()) as { code: string }).code], [503, 'LOG_REWOUND']);
  });
});
