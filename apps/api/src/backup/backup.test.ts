import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { silentLog } from '@godwit/base';
import { startCoordinator } from '../coordinator.ts';
import { s3SettingsOf } from '../s3/s3-settings.ts';
import { dropSharedCluster, newDatabaseUrl } from '../testing/shared-cluster.ts';
import { commitOf, createDesktop, enrol, raiseStage, uploadPack, type Person, type Stage, type UploadedPack } from '../testing/stage.ts';
import { TestClient } from '../testing/client.ts';

const program = fileURLToPath(new URL('../main.js', import.meta.url));

/** `godwit-coordinator` with these words, to its end. */
function command(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const { DATABASE_URL: _, ...inherited } = process.env;
    const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...inherited, ...environment } });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (piece: Buffer) => (stdout += piece.toString()));
    child.stderr.on('data', (piece: Buffer) => (stderr += piece.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

async function commit(stage: Stage, person: Person, sequence: number, desktopId: UploadedPack['desktopId']): Promise<UploadedPack> {
  const pack = await uploadPack(person.client, stage.coordinator, desktopId, 1);
  await person.client.ask('commitCheckpoint', { params: { desktopId }, body: commitOf(person.client, { desktopId, epoch: 1, sequence, packs: [pack] }) });
  return pack;
}

/** The bytes of an object as its host reads them. */
async function fetchPack(client: TestClient, url: string, { desktopId, key }: UploadedPack): Promise<number> {
  const { urls } = await client.ask('mintUrls', { params: { desktopId }, body: { operation: 'get', objects: [{ key }] } });
  const response = await fetch(new URL(urls[0]!.url, url));
  equal(response.status, 200);
  return (await response.arrayBuffer()).byteLength;
}

function allFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

after(dropSharedCluster);

/** Where the environment names a bucket (test/src/services/s3-flows.test.ts), these are about that, else about a directory. */
const inBucket = (process.env['S3_BUCKET'] ?? '') !== '';

describe('backup and restore', () => {
  it('takes a coordinator that runs, only what is new, and gives back one that serves the same', { skip: inBucket }, async () => {
    await using stage = await raiseStage({}, 'private');
    const folder = dirname(stage.dataDirectory);
    const to = join(folder, 'kept');
    const person = await enrol(stage.coordinator);
    const desktopId = await createDesktop(person.client, 'work');
    const pack = await commit(stage, person, 1, desktopId);
    const first = await command(['backup', '--data', stage.dataDirectory, '--to', to, '--json']);
    equal(first.code, 0, first.stderr);
    const taken = JSON.parse(first.stdout) as { path: string; objects: number; newObjects: number; bytes: number };
    ok(taken.objects >= 1 && taken.newObjects === taken.objects && taken.bytes >= pack.lengthBytes);
    equal(statSync(taken.path).mode & 0o777, 0o700);
    // The first is restored: what comes after it is not in it.
    const other = await createDesktop(person.client, 'later');
    const second = await command(['backup', '--data', stage.dataDirectory, '--to', to]);
    match(second.stdout, new RegExp(`^${to}/backups/\\d{4}-\\d\\d-\\d\\dT\\d{9}Z: the database, and ${taken.objects} objects \\(${taken.bytes} bytes\\), of which 0 \\(0 bytes\\) are new in it\n$`));
    const again = join(folder, 'again');
    const restored = await command(['restore', '--from', taken.path, '--data', again]);
    equal(restored.code, 0, restored.stderr);
    ok(existsSync(join(again, 'url-key')) && readFileSync(join(again, 'url-key')).equals(readFileSync(join(stage.dataDirectory, 'url-key'))));
    const coordinator = await startCoordinator({ dataDirectory: again, listen: { host: '127.0.0.1', port: 0 }, log: silentLog });
    try {
      equal(coordinator.audience, stage.coordinator.audience);
      const client = new TestClient(coordinator, person.client.device);
      const { desktops } = await client.ask('listDesktops', {});
      deepEqual(desktops.map(({ name, head }) => [name, head?.sequence]), [['work', 1]]);
      ok(!desktops.some((desktop) => desktop.desktopId === other));
      equal(await fetchPack(client, coordinator.url, pack), pack.lengthBytes);
      equal((await fetch(new URL('/readyz', coordinator.url))).status, 200);
    } finally {
      await coordinator.close();
    }
    const refused = await command(['restore', '--from', taken.path, '--data', again]);
    deepEqual([refused.code, refused.stderr.includes('[BACKUP_REFUSED]')], [1, true]);
  });

  it('restores nothing that is damaged or not whole, and takes no such backup', { skip: inBucket }, async () => {
    await using stage = await raiseStage({}, 'private');
    const folder = dirname(stage.dataDirectory);
    const to = join(folder, 'kept');
    const person = await enrol(stage.coordinator);
    const desktopId = await createDesktop(person.client);
    await commit(stage, person, 1, desktopId);
    const { path } = JSON.parse((await command(['backup', '--data', stage.dataDirectory, '--to', to, '--json'])).stdout) as { path: string };
    const again = join(folder, 'again');
    const restored = () => command(['restore', '--from', path, '--data', again]);
    const [kept] = allFiles(join(to, 'objects'));
    const whole = readFileSync(kept!);
    const damaged = Buffer.from(whole);
    damaged[0]! ^= 1;
    for (const [bytes, code] of [[damaged, 'OBJECT_DIGEST_REFUSED'], [whole.subarray(1), 'OBJECT_LENGTH_REFUSED'], [undefined, 'OBJECT_NOT_FOUND']] as const) {
      if (bytes === undefined) rmSync(kept!);
      else writeFileSync(kept!, bytes);
      const { code: exit, stderr } = await restored();
      deepEqual([exit, stderr.includes('[BACKUP_INCOMPLETE]'), stderr.includes(code)], [1, true, true], stderr);
      ok(!existsSync(again) && !existsSync(`${again}.unfinished`));
    }
    writeFileSync(kept!, whole);
    const dump = join(path, 'database.dump');
    const bytes = readFileSync(dump);
    writeFileSync(dump, bytes.subarray(0, bytes.length / 2));
    match((await restored()).stderr, /pg_restore.*\[BACKUP_INCOMPLETE\]/s);
    ok(!existsSync(again));
    writeFileSync(dump, bytes);
    equal((await restored()).code, 0);
    for (const file of allFiles(join(stage.dataDirectory, 'objects'))) rmSync(file);
    const other = join(folder, 'other');
    match((await command(['backup', '--data', stage.dataDirectory, '--to', other])).stderr, /\[BACKUP_INCOMPLETE\]/);
    deepEqual(readdirSync(join(other, 'backups')), []);
  });

  it('works on a database elsewhere, and fills none that has something in it', { skip: inBucket }, async () => {
    const databaseUrl = await newDatabaseUrl();
    await using stage = await raiseStage({ databaseUrl });
    const folder = dirname(stage.dataDirectory);
    const person = await enrol(stage.coordinator);
    await commit(stage, person, 1, await createDesktop(person.client));
    const { path } = JSON.parse((await command(['backup', '--data', stage.dataDirectory, '--to', join(folder, 'kept'), '--json'], { DATABASE_URL: databaseUrl })).stdout) as { path: string };
    const again = join(folder, 'again');
    match((await command(['restore', '--from', path, '--data', again], { DATABASE_URL: databaseUrl })).stderr, /an empty database.*\[BACKUP_REFUSED\]/s);
    equal((await command(['restore', '--from', path, '--data', again], { DATABASE_URL: await newDatabaseUrl('empty') })).code, 0);
    ok(!existsSync(join(again, 'postgres')) && allFiles(join(again, 'objects')).length > 0);
  });

  it('of a coordinator with a bucket holds the database, and restores none of whose objects the bucket has lost one', { skip: !inBucket }, async () => {
    const [prefix, s3] = ['kept', s3SettingsOf({ ...process.env, S3_PREFIX: 'kept' })];
    await using stage = await raiseStage({ s3 }, 'private');
    const folder = dirname(stage.dataDirectory);
    const to = join(folder, 'kept');
    const person = await enrol(stage.coordinator);
    const desktopId = await createDesktop(person.client, 'work');
    await commit(stage, person, 1, desktopId);
    const taken = await command(['backup', '--data', stage.dataDirectory, '--to', to, '--json'], { S3_PREFIX: prefix });
    equal(taken.code, 0, taken.stderr);
    const { path } = JSON.parse(taken.stdout) as { path: string };
    deepEqual(existsSync(join(to, 'objects')) ? allFiles(join(to, 'objects')) : [], []);
    const again = join(folder, 'again');
    // To a directory it cannot come back: its objects are elsewhere.
    const without = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('S3_')).map(([name]) => [name, '']));
    match((await command(['restore', '--from', path, '--data', again], without)).stderr, /objects in a bucket.*\[BACKUP_REFUSED\]/s);
    // In another place of the bucket nothing is.
    match((await command(['restore', '--from', path, '--data', again], { S3_PREFIX: 'elsewhere' })).stderr, /no object.*\[BACKUP_INCOMPLETE\]/s);
    ok(!existsSync(again));
    const restored = await command(['restore', '--from', path, '--data', again], { S3_PREFIX: prefix });
    equal(restored.code, 0, restored.stderr);
    ok(existsSync(join(again, 'postgres')));
  });

  it('says what it does not understand', async () => {
    for (const words of [['backup'], ['restore'], ['backup', '--to'], ['restore', '--from', '/nowhere', '--to', '/x', '--more']]) {
      const { code, stderr } = await command(words);
      deepEqual([code, stderr.includes('[COORDINATOR_OPTIONS]')], [1, true], words.join(' '));
    }
    match((await command(['restore', '--from', '/nowhere', '--data', '/tmp/godwit-x-nowhere'])).stderr, /\[BACKUP_REFUSED\]/);
    match((await command(['backup', '--help'])).stdout, /^usage: godwit-coordinator backup --to DIR/);
  });
});
