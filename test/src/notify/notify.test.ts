import { deepEqual, equal, match } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LidLock, Notifications } from '@godwit/agent';
import { jsonLog } from '@godwit/base';
import { Bus, missingForBus, text, word } from '../house/bus.ts';
import { LoginBus } from '../lease/login-bus.ts';

interface Shown {
  readonly number: number;
  readonly replaces: number;
  readonly title: string;
  readonly body: string;
  readonly urgency: number;
}

const until = async (what: () => boolean): Promise<void> => {
  while (!what()) await sleep(10);
};
const skip = missingForBus(['gdbus', 'systemd-inhibit']);

/** A real bus with a service that shows notifications to a test, asked by the real gdbus. */
describe('notifications on a bus', { skip, timeout: 90_000 }, () => {
  const shown: Shown[] = [];
  const lines: string[] = [];
  let bus: Bus;

  before(async () => {
    bus = await Bus.start('org.freedesktop.Notifications', ({ member, body }) => {
      if (member === 'GetServerInformation') return { signature: 'ssss', body: ['test', 'godwit', '1', '1.2'].map(text) };
      if (member !== 'Notify') return 'org.freedesktop.DBus.Error.UnknownMethod';
      const [program, replaces, icon, title, said, actions, hints] = [body.text(), body.word(), body.text(), body.text(), body.text(), body.array(4), body.array(8)];
      deepEqual([program, icon, actions.length], ['Godwit', '', 0]);
      const number = replaces === 0 ? 7 + shown.length : replaces;
      // The value of the only hint is the last byte: {'urgency': <byte N>}.
      shown.push({ number, replaces, title, body: said, urgency: hints.at(-1)! });
      return { signature: 'u', body: [word(number)] };
    });
  });
  after(() => bus.close());

  const sessionOn = (address: string) => ({ environment: { PATH: process.env['PATH'], DBUS_SESSION_BUS_ADDRESS: address }, uid: process.getuid?.() ?? 0, users: () => '', exists: () => false, busPath: () => '' });

  test('one move is one notification that is replaced in place; another desktop has its own; nothing in a name is read as anything else', async () => {
    const notices = new Notifications({ log: jsonLog((line) => lines.push(line)), session: sessionOn(bus.address) });
    equal(await notices.refusal(), undefined);
    notices.tell({ kind: 'departure-asked', name: 'work', by: `O'Neill <b>\\n` });
    notices.tell({ kind: 'safe', name: 'work', sequence: 4 });
    notices.tell({ kind: 'not-suspended', name: 'play', message: 'no room', unknown: false, runs: true });
    await until(() => shown.length === 3);
    deepEqual(shown.map(({ title, replaces, urgency }) => [title, replaces, urgency]), [[`O'Neill <b>\\n asks for work`, 0, 1], ['work is safe: you can close the lid', 7, 1], ['play was not suspended', 0, 2]]);
    match(shown[1]!.body, /^Checkpoint 4 is in the store/);
    notices.tell({ kind: 'saved-here', name: 'work', reason: 'a <store> & a cut' });
    await until(() => shown.length === 4);
    deepEqual([shown[3]!.replaces, shown[3]!.body.split('.')[0]], [7, 'a &lt;store&gt; &amp; a cut']);
    deepEqual(lines, []);
  });

  test('without a service, a bus or the program nothing is shown, nobody waits, and it is said once why', async () => {
    for (const [session, reason] of [[sessionOn('unix:path=/no/such/bus'), /\/no\/such\/bus|connect/i], [{ ...sessionOn(bus.address), environment: { PATH: '/no/such/folder', DBUS_SESSION_BUS_ADDRESS: bus.address } }, /gdbus is not installed/]] as const) {
      const said: string[] = [];
      const notices = new Notifications({ log: jsonLog((line) => said.push(line)), session });
      for (let round = 0; round < 3; round += 1) notices.tell({ kind: 'host-revoked' });
      match((await notices.refusal()) ?? '', reason);
      await until(() => said.length > 0);
      await notices.refusal();
      deepEqual([said.length, shown.length], [1, 4]);
    }
  });

  test('an agent that is root reaches the session of the user that it was told to', { skip: process.getuid?.() === 0 ? false : 'only root can become another user' }, async () => {
    const path = bus.address.replace('unix:path=', '');
    const session = { environment: { PATH: process.env['PATH'], GODWIT_NOTIFY_USER: 'nobody' }, uid: 0, users: () => 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n', exists: (wanted: string) => wanted === path, busPath: (uid: number) => (uid === 65534 ? path : '') };
    const notices = new Notifications({ log: jsonLog(() => undefined), session });
    equal(await notices.refusal(), undefined);
  });

  test('the lid is held by a block lock on lid and sleep, asked of logind by the real systemd-inhibit', async () => {
    const logind = await LoginBus.start();
    const before_ = process.env['DBUS_SYSTEM_BUS_ADDRESS'];
    process.env['DBUS_SYSTEM_BUS_ADDRESS'] = logind.address;
    try {
      const letGo = new LidLock({ log: jsonLog(() => undefined) }).hold('work', () => undefined);
      await until(() => logind.inhibitions.length > 0);
      deepEqual(logind.inhibitions, [{ what: 'handle-lid-switch:sleep', who: 'godwit', why: 'work is being suspended', mode: 'block' }]);
      letGo();
    } finally {
      if (before_ === undefined) delete process.env['DBUS_SYSTEM_BUS_ADDRESS'];
      else process.env['DBUS_SYSTEM_BUS_ADDRESS'] = before_;
      await logind.close();
    }
  });
});
