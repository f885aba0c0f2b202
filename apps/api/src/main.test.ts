import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { enrol, raiseStage } from './testing/stage.ts';

const program = fileURLToPath(new URL('./main.js', import.meta.url));

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
  readonly stderr: () => string;
}

/** `godwit-coordinator` as its user starts it. Resolves with its ready line; rejects with what it said when it ends. */
async function start(data: string, more: string[] = []): Promise<Started> {
  const child = spawn(process.execPath, [program, '--data', data, '--listen', '127.0.0.1:0', ...more], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 90_000 });
  let said = '';
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (errors += piece));
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      said += piece;
      if (said.includes('\n')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`exit ${code}: ${errors}`)));
  });
  const [, url] = /^godwit-coordinator: ready at (http:\/\/127\.0\.0\.1:[0-9]+)\n/.exec(said) ?? [];
  ok(url !== undefined, said);
  return { child, url, stderr: () => errors };
}

async function stop(child: ChildProcess): Promise<number | null> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  return ((await exited) as [number | null])[0];
}

describe('godwit-coordinator', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync('/tmp/godwit-api-main-');
    chmodSync(folder, 0o711);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('starts, keeps what it was told over a kill -9, ends its PostgreSQL, starts again fast, stops cleanly', async () => {
    const data = join(folder, 'data');
    const first = await start(data);
    const { audience } = (await (await fetch(`${first.url}/healthz`)).json()) as { audience: string };
    match(audience, /^coordinator-[0-9a-f]{32}$/);
    await assertSecond(data);
    assertInvites(data);
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    const startedAt = performance.now();
    const second = await start(data);
    const tookMs = performance.now() - startedAt;
    equal(((await (await fetch(`${second.url}/readyz`)).json()) as { audience: string }).audience, audience);
    equal(await stop(second.child), 0);
    equal(second.stderr(), '');
    deepEqual(processesIn(join(data, 'postgres')), []);
    const third = performance.now();
    const again = await start(data);
    const cleanMs = performance.now() - third;
    equal(await stop(again.child), 0);
    console.log(`start after kill -9: ${Math.round(tookMs)} ms, after a clean stop: ${Math.round(cleanMs)} ms`);
  });

  async function assertSecond(data: string): Promise<void> {
    const refused = await start(data).then(
      () => 'it started',
      (error: unknown) => (error as Error).message,
    );
    match(refused, /exit 1: godwit-coordinator: error: another coordinator uses this data directory .*\[COORDINATOR_RUNNING\]\ngodwit-coordinator: hint: /);
  }

  /** The program beside the one that runs, which finds its database by itself. */
  function assertInvites(data: string): void {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'invite', '--data', data, '--name', 'Bob', '--role', 'viewer'], { encoding: 'utf8', timeout: 60_000 });
    deepEqual([status, stderr], [0, '']);
    match(stdout, /^a passkey for Bob \(viewer\): open http:\/\/localhost:[0-9]+\/dashboard\/enrol and type ([0-9A-Z]{4}-){3}[0-9A-Z]{4} within 24 hours\n$/);
  }

  test('says what is wrong with its options, its address and its data directory', async () => {
    const messageOf = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'it started', (error: unknown) => (error as Error).message);
    match(await messageOf(start(join(folder, 'x'), ['--what'])), /COORDINATOR_OPTIONS/);
    match(await messageOf(start(join(folder, 'x'), ['--listen', 'nowhere'])), /COORDINATOR_OPTIONS/);
    match(await messageOf(start('/proc/nowhere')), /DATA_DIRECTORY_REFUSED/);
    if (process.getuid?.() === 0) {
      const closed = join(folder, 'closed');
      mkdirSync(closed, { mode: 0o700 });
      match(await messageOf(start(join(closed, 'data'))), new RegExp(`DATA_DIRECTORY_REFUSED.*\\n.*chmod o\\+x ${closed}\``));
    }
  });

  test('answers 503 while PostgreSQL is dead, starts it again, and goes on', async () => {
    await using stage = await raiseStage({ log: quietLog }, 'private');
    const { client } = await enrol(stage.coordinator);
    const pid = stage.coordinator.databasePid();
    ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
    const statuses: number[] = [];
    // Its connections see its end a moment later: so first until it is seen, then until it is over.
    for (const awaited of [503, 200]) {
      for (let attempt = 0; attempt < 400 && statuses.at(-1) !== awaited; attempt += 1) {
        statuses.push((await client.send('listHosts')).status);
        await sleep(5);
      }
      equal(statuses.at(-1), awaited);
    }
    deepEqual([...new Set(statuses)].sort(), [200, 503]);
    equal((await client.ask('listHosts')).hosts.length, 1);
  });
});

const quietLog = { debug() {}, info() {}, warn() {}, error() {}, with: () => quietLog };

function processesIn(directory: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^[0-9]+$/.test(name) && readlinkSync(`/proc/${name}/cwd`) === directory;
    } catch {
      return false;
    }
  });
}
