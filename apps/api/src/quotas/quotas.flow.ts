import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Migrator, sql } from 'kysely';
import { Fault, silentLog, type AccountId } from '@godwit/base';
import { noBytesQuota, type AccountQuotas, type Quotas } from '@godwit/wire';
import { openDatabase } from '../database/database.ts';
import { migrations } from '../database/migrations.ts';
import { firstAdmin } from '../testing/browser.ts';
import { World } from '../testing/prune-world.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { addHost, createDesktop, enrol, raiseStage, uploadPack, type Person } from '../testing/stage.ts';
import { quotaCommand, quotaUsage } from './quota-command.ts';

const quotasOf = async ({ client }: Person): Promise<Quotas> => (await client.ask('listDesktops')).quotas!;

/** What became of acts that were all begun at once: how many went well, and the faults of the others. */
async function atOnce(acts: readonly Promise<unknown>[]): Promise<{ done: number; faults: Fault[] }> {
  const ends = await Promise.allSettled(acts);
  return { done: ends.filter(({ status }) => status === 'fulfilled').length, faults: ends.flatMap((end) => (end.status === 'rejected' ? [Fault.from(end.reason)] : [])) };
}

describe('quotas', () => {
  test('desktops that are created at once, by two hosts, do not pass it', async () => {
    await using stage = await raiseStage({ quotas: { desktops: 3 } });
    const person = await enrol(stage.coordinator);
    const other = await addHost(person, stage.coordinator, 'laptop-b');
    const { done, faults } = await atOnce([1, 2, 3, 4].flatMap(() => [createDesktop(person.client), createDesktop(other)]));
    equal(done, 3);
    for (const fault of faults) deepEqual([fault.code, fault.kind, fault.expected, fault.found], ['QUOTA_DESKTOPS', 'conflict', 'at most 3', '3']);
    match(faults[0]!.hint, /ask the operator/);
    deepEqual((await quotasOf(person)).desktops, { used: 3, most: 3 });
    await createDesktop((await enrol(stage.coordinator)).client); // Another account has its own.
  });

  test('objects that are put at once do not pass it, and what is refused is not kept', async () => {
    await using stage = await raiseStage({ quotas: { bytes: 10_000 } });
    const person = await enrol(stage.coordinator);
    const desktopId = await createDesktop(person.client);
    const first = await uploadPack(person.client, stage.coordinator, desktopId, 1, 2_000);
    const { done, faults } = await atOnce([1, 2, 3, 4].map(() => uploadPack(person.client, stage.coordinator, desktopId, 1, 4_000)));
    equal(done, 2);
    equal(faults.length, 2);
    equal((await stage.objects.keys(person.accountId)).length, 3);
    deepEqual((await quotasOf(person)).bytes, { used: 10_000, most: 10_000 });
    const one = { params: { desktopId }, body: { operation: 'put' as const, epoch: 1, objects: [{ key: first.key.replace(/.{8}$/, '00000000'), lengthBytes: 1, sha256: 'A'.repeat(43) }] } };
    await rejects(person.client.ask('mintUrls', one), { code: 'QUOTA_BYTES', expected: 'at most 10000 bytes in the store', found: '10001' });
    // What is there already may be put again: its first answer may have been lost.
    await person.client.ask('mintUrls', { params: { desktopId }, body: { operation: 'put', epoch: 1, objects: [{ key: first.key, lengthBytes: 2_000, sha256: first.digest.toString('base64url') }] } });
  });

  test('what is collected makes room, and the count is what the objects are', async () => {
    await using world = await World.raise();
    const line = await world.line();
    await line.commit([await line.upload(3_000)]);
    await line.commit([await line.upload(500)]);
    const counted = async (): Promise<number> => (await quotasOf(world.person)).bytes.used;
    const before = await counted();
    await line.prune({ last: 1 });
    equal(await counted(), before, 'as long as it is in the store it is counted');
    await world.pass(2 * 3_600_000);
    await world.collector().collect(world.accountId);
    equal(before - (await counted()), 3_000);
    const { rows: [sum] } = await sql<{ bytes: number }>`select sum(length_bytes)::bigint as bytes from objects where account_id = ${world.accountId}`.execute(world.db);
    equal(await counted(), sum!.bytes);
  });

  test('changes of the owner at once do not pass it; asking again for what one has is none', async () => {
    await using stage = await raiseStage({ quotas: { movesPerHour: 3 } });
    const person = await enrol(stage.coordinator);
    const other = await addHost(person, stage.coordinator, 'laptop-b');
    const desktops = await Promise.all([1, 2, 3, 4, 5].map(() => createDesktop(person.client)));
    for (const desktopId of desktops) await person.client.ask('releaseDesktop', { params: { desktopId }, body: { epoch: 1 } });
    deepEqual((await quotasOf(person)).movesPerHour, { used: 0, most: 3 }, 'whoever creates a desktop does not move it');
    const { done, faults } = await atOnce(desktops.map((desktopId) => other.ask('acquireDesktop', { params: { desktopId }, body: {} })));
    equal(done, 3);
    for (const { code, message } of faults) {
      equal(code, 'QUOTA_MOVES');
      match(message, /at most 3 an hour.*the next is possible in 1[12][0-9]{2} s/);
    }
    deepEqual((await quotasOf(person)).movesPerHour, { used: 3, most: 3 });
    const held = (await other.ask('listDesktops')).desktops.filter(({ owner }) => owner?.hostId === other.device.hostId);
    equal(held.length, 3, 'what was refused stays free');
    for (const { desktopId } of held) equal((await other.ask('acquireDesktop', { params: { desktopId }, body: {} })).epoch, 2);
  });

  test('an operator gives one account more or less, which is on record; what it has stays', async () => {
    await using stage = await raiseStage({ quotas: { desktops: 1 } });
    const person = await enrol(stage.coordinator);
    const params = { accountId: person.accountId };
    const ada = await firstAdmin(stage.coordinator);
    const viewer = await ada.bring('Vic', 'viewer');
    await createDesktop(person.client);
    await rejects(createDesktop(person.client), { code: 'QUOTA_DESKTOPS' });
    await rejects(viewer.ask('setQuotas', { params, body: { desktops: 2, bytes: null, movesPerHour: null } }), { code: 'ROLE_TOO_LOW' });
    const set = await ada.ask('setQuotas', { params, body: { desktops: 2, bytes: 2 ** 40, movesPerHour: null } });
    deepEqual(set.own, { desktops: 2, bytes: 2 ** 40, movesPerHour: null });
    await createDesktop(person.client);
    await ada.ask('setQuotas', { params, body: { desktops: 0, bytes: null, movesPerHour: null } });
    await rejects(createDesktop(person.client), { code: 'QUOTA_DESKTOPS', expected: 'at most 0', found: '2' });
    deepEqual(await viewer.ask('readQuotas', { params }), { quotas: { desktops: { used: 2, most: 0 }, bytes: { used: 0, most: noBytesQuota }, movesPerHour: { used: 0, most: 10_000 } }, own: { desktops: 0, bytes: null, movesPerHour: null } });
    const { acts } = await ada.ask('listOperatorActs');
    deepEqual(acts.slice(0, 2).map(({ act, operatorName, subject, detail }) => [act, operatorName, subject, detail['quotas']]), [
      ['quotas-set', 'Ada', person.accountId, 'desktops=0,bytes=default,moves=default'], ['quotas-set', 'Ada', person.accountId, 'desktops=2,bytes=1TiB,moves=default'],
    ]);
    await rejects(ada.ask('readQuotas', { params: { accountId: 'f'.repeat(32) as AccountId } }), { code: 'ACCOUNT_NOT_FOUND' });
  });

  test('counts what was there before there were quotas, and what coordinators of the version before put in', async () => {
    const db = openDatabase({ url: await newDatabaseUrl('empty') }, silentLog);
    try {
      const before = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '0014'));
      const to = async (all: typeof migrations): Promise<void> => equal((await new Migrator({ db, provider: { getMigrations: () => Promise.resolve({ ...all }) } }).migrateToLatest()).error, undefined);
      await to(before);
      const account = (digit: string): string => digit.repeat(32);
      const put = (digit: string, key: string, bytes: number) => sql`insert into objects (account_id, object_key, length_bytes, sha256) values (${account(digit)}, ${key}, ${bytes}, '') on conflict do nothing`.execute(db);
      const open = (digit: string) => sql`insert into accounts (account_id, chain_length) values (${account(digit)}, 1)`.execute(db);
      for (const digit of ['1', '2']) await open(digit);
      for (const [key, bytes] of [['a', 5], ['b', 7]] as const) await put('1', key, bytes);
      await to(migrations);
      await open('3');
      for (const digit of ['1', '3']) await put(digit, 'c', 100);
      await put('1', 'a', 5); // Known already.
      await sql`delete from objects where object_key = 'b'`.execute(db);
      const rows = await db.selectFrom('account_quotas').select(['account_id', 'used_bytes']).orderBy('account_id').execute();
      deepEqual(rows.map((row) => [row.account_id, row.used_bytes]), [[account('1'), 105], [account('2'), 0], [account('3'), 100]]);
    } finally {
      await db.destroy();
    }
  });
});

describe('godwit-coordinator quota', () => {
  test('says what accounts use, and changes what is named', async () => {
    const databaseUrl = await newDatabaseUrl();
    await using stage = await raiseStage({ databaseUrl, quotas: { movesPerHour: 60 } });
    const [small, large] = [await enrol(stage.coordinator), await enrol(stage.coordinator)];
    await uploadPack(large.client, stage.coordinator, await createDesktop(large.client), 1, 2_000);
    const run = (...words: string[]): Promise<string> => quotaCommand(words, { DATABASE_URL: databaseUrl }, false);
    const lines = (await run()).split('\n');
    match(lines[0]!, /^ACCOUNT +DESKTOPS +OF +BYTES +OF +MOVES +OF \(AN HOUR\)$/);
    match(lines[1]!, new RegExp(`^${large.accountId}  1 +1024  2000 +none  0 +60$`));
    match(lines[2]!, new RegExp(`^${small.accountId}  0 +1024  0 +none  0 +60$`));
    const json = async (...words: string[]): Promise<AccountQuotas> => JSON.parse(await run('--json', ...words)) as AccountQuotas;
    deepEqual((await json('--account', small.accountId, '--set', 'bytes=2GiB,moves=0')).own, { desktops: null, bytes: 2 ** 31, movesPerHour: 0 });
    deepEqual((await json('--account', small.accountId, '--set', 'moves=default,desktops=7')).own, { desktops: 7, bytes: 2 ** 31, movesPerHour: null });
    ok((await run('--account', small.accountId)).includes(' 7  '));
    const [newest] = (await (await firstAdmin(stage.coordinator)).ask('listOperatorActs')).acts.filter(({ act }) => act === 'quotas-set');
    deepEqual([newest?.operatorName, newest?.subject, newest?.detail['quotas']], [null, small.accountId, 'desktops=7,bytes=2GiB,moves=default']);
    await rejects(run('--account', 'f'.repeat(32), '--set', 'moves=1'), { code: 'ACCOUNT_NOT_FOUND' });
  });

  test('says what it is for, and refuses what it does not know', async () => {
    equal(await quotaCommand(['--help'], {}, false), quotaUsage);
    for (const words of [['--account', 'x'], ['--set', 'moves=1'], ['--account', 'f'.repeat(32), '--set', 'moves=x'], ['more'], ['--force']]) await rejects(quotaCommand(words, { DATABASE_URL: 'postgresql:///nowhere?host=/nowhere' }, false), { code: 'COORDINATOR_OPTIONS' });
  });
});
