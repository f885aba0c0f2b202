import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { exitCodes } from '@godwit/agent';
import type { ControlProgress } from '@godwit/wire';
import { House, type TestHost } from '../house/house.ts';
import { withoutCredentials } from './people.ts';

/** Words that a machine shows and a trusted one is told, and what keeps either from being somebody else. */
describe('a second machine joins with words', () => {
  const house = new House();
  let a: TestHost;
  let b: TestHost;
  let fingerprint = '';

  before(async () => {
    await house.startCoordinator();
    [a, b] = [await house.addHost('a', withoutCredentials(house)), await house.addHost('b', withoutCredentials(house))];
    ({ fingerprint } = await a.must('init', '--coordinator', house.url, '--name', 'a'));
  });
  after(() => house.close());

  /** Asks on b; the words it shows, and what becomes of it. */
  async function asks(...words: string[]): Promise<{ words: string[]; ends: ReturnType<TestHost['run']> }> {
    const shown = Promise.withResolvers<string>();
    let seen = '';
    const ends = b.run(['join', '--coordinator', house.url, '--name', 'b', ...words], (text) => {
      seen += text;
      const code = /godwit approve (\S+)\s/.exec(seen)?.[1];
      if (code !== undefined) shown.resolve(code);
    });
    void ends.then(({ stderr }) => shown.reject(new Error(stderr)));
    return { words: (await shown.promise).split('-'), ends };
  }
  const hostNames = async (): Promise<string[]> => (await a.must('hosts')).hosts.map(({ name }) => name);

  test('a look tells what was seen apart from what was said, and decides nothing; a no is told at once', async () => {
    const { words, ends } = await asks();
    equal(words.length, 8);
    const look = await a.run(['approve', ...words]);
    equal(look.exitCode, 1, 'nothing was decided');
    match(look.stdout, /from +\S*127\.0\.0\.1 +\(seen by the coordinator\)/);
    match(look.stdout, /name +b +\(reported\)/);
    match(look.stdout, /Approve only a code that you asked for yourself/);
    deepEqual(await hostNames(), ['a']);
    const mistyped = await a.ask('approve', 'abandom', ...words.slice(1));
    deepEqual([mistyped.error?.code, mistyped.error?.hint, mistyped.exitCode], ['JOIN_NOT_FOUND', 'did you mean abandon?', 10]);
    equal((await a.must('approve', ...words, '--refuse')).decision, 'refuse');
    const { exitCode, stderr } = await ends;
    ok(exitCode === 1 && stderr.includes('JOIN_REFUSED'), stderr);
    equal((await a.ask('approve', ...words, '--yes')).error?.code, 'JOIN_NOT_FOUND');
    ok((await a.must('audit')).newest.some(({ kind }) => kind === 'join-refused'));
  });

  test('an account with another fingerprint is found out, and nothing of it is saved', async () => {
    const { words, ends } = await asks('--account', '00000 00000 00000 00000 00001');
    await a.must('approve', words.join('-').toUpperCase(), '--yes');
    const { exitCode, stderr } = await ends;
    ok(exitCode === 1 && stderr.includes('ACCOUNT_OTHER') && stderr.includes(fingerprint), stderr);
    equal(readdirSync(b.home).includes('device.key') || readdirSync(b.home).includes('agent.json'), false);
    await a.must('revoke', 'b', '--yes');
  });

  test('what was approved waits for its person, and is saved when the fingerprint was compared', async () => {
    const said = Promise.withResolvers<ControlProgress>();
    const wish = { coordinator: house.url, hostName: 'b', passphrase: null, account: null };
    const asking = b.call('join', { ...wish, confirmed: false }, said.resolve);
    const code = /godwit approve (\S+)/.exec((await said.promise).say ?? '')?.[1] ?? '';
    const letters = code.split('-').map((word) => word.slice(0, 4));
    await a.must('approve', ...letters, '--yes');
    const approved = await asking;
    deepEqual([approved.done, approved.fingerprint], [false, fingerprint]);
    equal((await b.ask('hosts')).error?.code, 'NOT_ENROLLED');
    const joined = await b.call('join', { ...wish, account: approved.fingerprint, confirmed: true });
    deepEqual([joined.done, joined.hostId], [true, approved.hostId]);
    equal((await b.must('hosts')).hosts.find(({ self }) => self)?.name, 'b');
  });

  test('the doctor finds the way to a coordinator that is there, its clock and its word; and says of one that is gone that it is, and nothing after it', async () => {
    const examined = async (): Promise<Record<string, string>> => Object.fromEntries((await a.ask('doctor')).result!.findings.map(({ code, state }) => [code, state]));
    const well = await examined();
    deepEqual([well['coordinator'], well['clock'], well['membership'], well['store']], ['good', 'good', 'good', 'good']);
    const file = join(house.directory, 'report.json');
    const { exitCode, stdout } = await a.run(['bugreport', '--output', file, '--json']);
    deepEqual([exitCode, (JSON.parse(stdout) as { file: string }).file, statSync(file).mode & 0o777], [0, file, 0o600]);
    const report = readFileSync(file, 'utf8');
    ok(report.includes('"membership"'), report.slice(0, 300));
    for (const secret of [house.url, house.directory, fingerprint, new URL(house.url).port]) ok(!report.includes(secret), secret);
    equal((await a.run(['bugreport', '--output', file])).exitCode, exitCodes.usage, 'what is there is not written over');
    await house.stopCoordinator();
    const ill = Object.entries(await examined()).filter(([, state]) => state === 'bad');
    deepEqual(ill, [['coordinator', 'bad']]);
  });
});
