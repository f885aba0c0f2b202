import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { firstAdmin, TestBrowser } from '../testing/browser.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { raiseStage } from '../testing/stage.ts';
import { invite, inviteUsage } from './invite-command.ts';

interface Printed {
  readonly url: string;
  readonly code: string;
  readonly name: string;
  readonly role: string;
  readonly another: boolean;
}

describe('godwit-coordinator invite', () => {
  test('prints a code that lets somebody in, once, with the role that was asked for, and is on record', async () => {
    const databaseUrl = await newDatabaseUrl();
    await using stage = await raiseStage({ databaseUrl });
    const environment = { DATABASE_URL: databaseUrl };
    const printed = async (...words: string[]): Promise<Printed> => JSON.parse(await invite([...words, '--json'], environment, false)) as Printed;
    const ada = await firstAdmin(stage.coordinator);
    const made = await printed('--name', 'Bob', '--role', 'operator');
    deepEqual([made.url, made.name, made.role, made.another], [`${stage.coordinator.origin}/dashboard/enrol`, 'Bob', 'operator', false]);
    const { operator } = await new TestBrowser(stage.coordinator).enrol(made.code, 'ignored');
    deepEqual([operator.name, operator.role], ['Bob', 'operator']);
    await rejects(new TestBrowser(stage.coordinator).enrol(made.code, 'Bob'), { code: 'INVITE_REFUSED' });
    equal((await printed('--name', 'Root')).role, 'admin', 'without a role: whoever has the machine may do what they like');
    const line = await invite(['--name', 'bob'], environment, false);
    match(line, /^another passkey for bob \(operator\): open http:\/\/localhost:[0-9]+\/dashboard\/enrol and type ([0-9A-Z]{4}-){3}[0-9A-Z]{4} within 24 hours\n$/);
    const acts = (await ada.ask('listOperatorActs')).acts.filter(({ operatorName }) => operatorName === null);
    deepEqual(acts.map(({ act, subject, detail }) => [act, subject, detail['role']]), [['operator-invited', 'bob', 'operator'], ['operator-invited', 'Root', 'admin'], ['operator-invited', 'Bob', 'operator']]);
    await rejects(invite(['--name', 'Bob', '--role', 'viewer'], environment, false), { code: 'REQUEST_INVALID' });
  });

  const wrong: Record<string, readonly string[]> = {
    'no name': [], 'an empty name': ['--name', ''], 'a name with a control byte': ['--name', 'a\u0007'], 'a role that there is not': ['--name', 'Bob', '--role', 'king'], 'an option that there is not': ['--name', 'Bob', '--force'], 'a word too many': ['--name', 'Bob', 'Bob'],
  };
  for (const [what, words] of Object.entries(wrong)) {
    test(`${what} is refused before anything is asked`, () => rejects(invite(words, { DATABASE_URL: 'postgresql:///nowhere?host=/nowhere' }, false), { code: 'COORDINATOR_OPTIONS' }));
  }

  test('says what it is for, and that there is no coordinator where none runs', async () => {
    equal(await invite(['--help'], {}, false), inviteUsage);
    await rejects(invite(['--name', 'Bob', '--data', '/tmp/godwit-no-such-folder'], {}, false), (error: { code: string; hint: string }) => error.code === 'DATABASE_UNAVAILABLE' && error.hint.includes('start the coordinator first'));
  });
});
