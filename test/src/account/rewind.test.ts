import { equal, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cryptoReady } from '@godwit/crypto';
import { House, type TestHost } from '../house/house.ts';
import { Insider } from './insider.ts';
import { withoutCredentials } from './people.ts';

describe("yesterday's database", () => {
  const house = new House();
  let a: TestHost;

  before(async () => {
    await cryptoReady();
    await house.startCoordinator();
    a = await house.addHost('a', withoutCredentials(house));
    await a.must('init', '--coordinator', house.url, '--name', 'a');
  });
  after(() => house.close());

  test('a coordinator whose whole folder was put back to an earlier day is refused by who saw the later one', async () => {
    const insider = new Insider(a.home);
    await insider.createDesktop('work');
    await insider.checkpoint('work', Buffer.from('one'));
    equal((await a.must('verify', 'work')).good, true);
    const { port } = new URL(house.url);
    await house.stopCoordinator();
    const [folder, copy] = [join(house.directory, 'c'), join(house.directory, 'yesterday')];
    copyWhole(folder, copy);
    await house.startCoordinator(`127.0.0.1:${port}`);
    await insider.checkpoint('work', Buffer.from('two'));
    equal((await a.must('verify', 'work')).checkpoints, 2);
    await house.stopCoordinator();
    rmSync(folder, { recursive: true });
    copyWhole(copy, folder);
    await house.startCoordinator(`127.0.0.1:${port}`);
    for (const words of [['status'], ['verify', 'work'], ['resume', 'work']] as const) {
      const { error, exitCode } = await a.ask(words[0], ...words.slice(1));
      ok(['HEAD_ROLLED_BACK', 'LOG_ROLLED_BACK', 'LOG_REWOUND'].includes(error?.code ?? ''), `${words.join(' ')}: ${error?.code}`);
      ok(exitCode !== 0);
    }
  });
});

/** With owners and modes: PostgreSQL refuses a folder that is not its own. */
function copyWhole(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}
