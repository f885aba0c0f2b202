import { deepEqual, equal, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemRandom } from '@godwit/base';
import { createRecovery, cryptoReady } from '@godwit/crypto';
import { enrolSecond, House, type TestHost } from '../house/house.ts';
import { Insider } from './insider.ts';
import { typeIn, withoutCredentials } from './people.ts';

describe('every host is lost, the 24 words are there', () => {
  const house = new House();
  let words: string[];
  let fresh: TestHost;

  before(async () => {
    await cryptoReady();
    await house.startCoordinator();
    const [a, b] = [await house.addHost('a', withoutCredentials(house)), await house.addHost('b', withoutCredentials(house))];
    words = (await a.must('init', '--coordinator', house.url, '--name', 'a')).recoveryWords;
    await enrolSecond(a, b, house.url);
    // The host that made the account goes first: what it granted to the recovery key counts no more.
    await b.must('revoke', 'a', '--yes');
    const lost = new Insider(b.home);
    await lost.takeGrants();
    await lost.createDesktop('work');
    await lost.checkpoint('work', Buffer.from('all that there was'), { release: true });
    for (const host of [a, b]) await host.stopAgent('SIGKILL');
    fresh = await house.addHost('fresh', withoutCredentials(house));
  });
  after(() => house.close());

  const recover = (input: string) => typeIn(fresh, ['recover', '--coordinator', house.url, '--name', 'fresh'], input);

  test('wrong words: exit 12, and nothing about the words', async () => {
    const shuffled = [...words.slice(1), words[0]].join(' ');
    const strangers = createRecovery(systemRandom).words.join(' ');
    for (const wrong of [words.slice(1).join(' '), `${words.slice(1).join(' ')} zzzz`, strangers, shuffled, '']) {
      const { exitCode, error, stdout, stderr } = await recover(wrong);
      deepEqual([exitCode, error?.code], [12, 'RECOVERY_WORDS_WRONG']);
      // Two in a row: a single word of the list may be one that any message has ("message" is on it).
      const typed = wrong.split(' ');
      for (const [at, word] of typed.slice(1).entries()) equal(`${stdout}${stderr}`.includes(`${typed[at]} ${word}`), false, `the words ${at + 1} and ${at + 2}`);
      equal(`${stdout}${stderr}`.includes('zzzz'), false);
    }
    equal((await fresh.ask('status')).error?.code, 'NOT_ENROLLED');
  });

  test('the words alone make this machine a host that opens everything, and revoke nothing', async () => {
    const { exitCode, stdout } = await recover(`${words.slice(0, 12).join(' ')}\n${words.slice(12).join('\n')}\n`);
    equal(exitCode, 0, stdout);
    deepEqual((JSON.parse(stdout) as { others: string[] }).others, ['b']);
    const { hosts } = await fresh.must('hosts');
    deepEqual(hosts.map(({ name, revoked }) => [name, revoked]), [['a', true], ['b', false], ['fresh', false]]);
    equal((await fresh.must('verify', 'work', '--data')).good, true);
    const { reader } = await new Insider(fresh.home).read('work');
    ok((await reader.readPage(0, 0))?.includes('all that there was'));
    const revoked = await fresh.must('revoke', 'b', '--yes');
    deepEqual([revoked.generation, revoked.staying], [3, ['fresh']]);
    equal((await fresh.must('verify', 'work')).good, true);
  });

  test('the words are nowhere: not in the home, not in the log', () => {
    const files = readdirSync(fresh.home, { withFileTypes: true }).filter((entry) => entry.isFile());
    ok(files.length >= 5);
    for (const { name } of files) equal(readFileSync(join(fresh.home, name)).includes(words.slice(0, 3).join(' ')), false, name);
    for (const place of ['cmdline', 'environ']) {
      const text = readFileSync(`/proc/${fresh.pid}/${place}`, 'utf8').replaceAll('\0', ' ');
      for (const [at, word] of words.slice(1).entries()) equal(text.includes(`${words[at]} ${word}`), false, `${place}: the words ${at + 1} and ${at + 2}`);
    }
  });
});
