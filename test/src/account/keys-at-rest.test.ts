import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cryptoReady } from '@godwit/crypto';
import { enrolSecond, House, type TestHost } from '../house/house.ts';
import { typeIn, withoutCredentials } from './people.ts';

const keyFiles = ['device.key', 'account.key'];
const passphrase = 'correct horse battery canary';

describe('keys at rest', () => {
  const house = new House();

  before(async () => {
    await cryptoReady();
    await house.startCoordinator();
  });
  after(() => house.close());

  const plain = (host: TestHost): boolean[] => keyFiles.map((file) => /^GW(DEVICE|ACCKEY)/.test(readFileSync(join(host.home, file), 'latin1')));
  const keysFound = async (host: TestHost) => (await host.ask('doctor')).result?.findings.find(({ check }) => check === 'keys');

  test('where systemd-creds works they are sealed with it, and open after a restart', async (context) => {
    const host = await house.addHost('a');
    await host.must('init', '--coordinator', house.url, '--name', 'a');
    if (!existsSync(join(host.home, 'home.key'))) {
      context.skip('systemd-creds does not work here');
      return;
    }
    deepEqual(plain(host), [false, false]);
    for (const file of [...keyFiles, 'home.key']) equal(statSync(join(host.home, file)).mode & 0o777, 0o600, file);
    await host.stopAgent();
    await host.startAgent();
    equal((await host.must('hosts')).hosts.length, 1);
    match((await keysFound(host))?.found ?? '', /sealed by systemd-creds/);
    const sealed = readFileSync(join(host.home, 'device.key'));
    writeFileSync(join(host.home, 'device.key'), readFileSync(join(host.home, 'account.key')));
    await host.stopAgent();
    await host.startAgent().then(() => ok(false), () => undefined);
    writeFileSync(join(host.home, 'device.key'), sealed);
    await host.startAgent();
    equal((await host.must('hosts')).hosts.length, 1);
  });

  test('a home from before the seals is read as it is, and sealed at the next write', async (context) => {
    const host = await house.addHost('old', withoutCredentials(house));
    const other = await house.addHost('other', withoutCredentials(house));
    await host.must('init', '--coordinator', house.url, '--name', 'old');
    await enrolSecond(host, other, house.url);
    deepEqual(plain(host), [true, true]);
    const found = await keysFound(host);
    deepEqual([found?.state, found?.found.includes('not sealed')], ['degraded', true]);
    await host.stopAgent();
    // The same home, and now the system can seal.
    rmSync(join(house.directory, 'no-credentials', 'systemd-creds'));
    await host.startAgent();
    equal((await host.must('hosts')).hosts.length, 2);
    deepEqual(plain(host), [true, true]);
    await host.must('revoke', 'other', '--yes');
    if (!existsSync(join(host.home, 'home.key'))) {
      context.skip('systemd-creds does not work here');
      return;
    }
    deepEqual(plain(host), [false, false]);
    await host.stopAgent();
    await host.startAgent();
    equal((await host.must('hosts')).hosts.filter(({ revoked }) => revoked).length, 1);
  });

  test('under a passphrase the host is locked after each start, until it is given', async () => {
    const host = await house.addHost('p');
    const short = await typeIn(host, ['init', '--passphrase', '--coordinator', house.url, '--name', 'p'], 'short\n');
    equal(short.error?.code, 'ARGUMENT_INVALID');
    const made = await typeIn(host, ['init', '--passphrase', '--coordinator', house.url, '--name', 'p'], `${passphrase}\n`);
    equal(made.exitCode, 0, made.stdout);
    deepEqual(plain(host), [false, false]);
    equal((await typeIn(host, ['unlock'], passphrase)).error?.code, 'PASSPHRASE_UNUSED');
    await host.stopAgent();
    await host.startAgent();
    for (const words of [['status'], ['hosts'], ['init', '--coordinator', house.url], ['suspend', 'x'], ['verify', 'x']] as const) {
      const { error, exitCode } = await host.ask(words[0], ...words.slice(1));
      deepEqual([error?.code, exitCode, error?.hint], ['LOCKED', 4, 'give its passphrase with `godwit unlock`'], words.join(' '));
    }
    match(JSON.stringify((await host.ask('doctor')).result), /locked/);
    const wrong = await typeIn(host, ['unlock'], 'correct horse battery stable\n');
    deepEqual([wrong.error?.code, wrong.exitCode], ['PASSPHRASE_WRONG', 12]);
    equal((await typeIn(host, ['unlock'], `${passphrase}\n`)).exitCode, 0);
    equal((await host.must('hosts')).hosts.length, 1);
    for (const place of ['cmdline', 'environ']) equal(readFileSync(`/proc/${host.pid}/${place}`).includes(passphrase), false, place);
    for (const file of [...keyFiles, 'home.key', 'agent.json', 'agent.log']) equal(readFileSync(join(host.home, file)).includes(passphrase), false, file);
  });

  test('what a hostile file asks of an unlock is refused before it is paid', async () => {
    const host = await house.addHost('h');
    await typeIn(host, ['init', '--passphrase', '--coordinator', house.url, '--name', 'h'], passphrase);
    await host.stopAgent();
    const file = join(host.home, 'home.key');
    const good = readFileSync(file, 'utf8');
    const parsed = JSON.parse(good) as Record<string, unknown>;
    for (const change of [{ memoryKiB: 2 ** 31 }, { memoryKiB: 8 }, { passes: 1e6 }, { parallelism: 1000 }, { kind: 'none' }, { version: 2 }, { salt: '' }]) {
      writeFileSync(file, JSON.stringify({ ...parsed, ...change }));
      const refusal = await host.startAgent().then(() => 'started', (error: unknown) => String(error));
      match(refusal, /RECORD_DAMAGED/, JSON.stringify(change));
    }
    writeFileSync(file, JSON.stringify({ ...parsed, passes: 1 }));
    await host.startAgent();
    equal((await typeIn(host, ['unlock'], passphrase)).error?.code, 'PASSPHRASE_WRONG', 'the parameters are part of the seal');
    await host.stopAgent();
    writeFileSync(file, good);
    await host.startAgent();
    equal((await typeIn(host, ['unlock'], passphrase)).exitCode, 0);
  });

  test('neither the agent nor what it starts leaves a core dump', async () => {
    const host = await house.addHost('l');
    match(readFileSync(`/proc/${host.pid}/limits`, 'latin1'), /^Max core file size +0 +0 /m);
    match(readFileSync(`/proc/${host.pid}/coredump_filter`, 'latin1'), /^0+$/m);
  });
});
