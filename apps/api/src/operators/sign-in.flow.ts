import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { systemRandom, type FaultCode } from '@godwit/base';
import { roles, routes, sessionCookie, type Role, type Route, type RouteId, type Session } from '@godwit/wire';
import { firstAdmin, TestBrowser } from '../testing/browser.ts';
import type { Flaws } from '../testing/authenticator.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { raiseStage, type Stage } from '../testing/stage.ts';

const refused = (code: FaultCode): { code: FaultCode } => ({ code });

describe('sign-in of operators', () => {
  let stage: Stage;
  let url: string;
  let admin: TestBrowser;
  let database: pg.Client;

  before(async () => {
    url = await newDatabaseUrl();
    stage = await raiseStage({ databaseUrl: url });
    database = new pg.Client({ connectionString: url });
    await database.connect();
    equal((await new TestBrowser(stage.coordinator).ask('signInWays')).anyOperator, false);
    admin = await firstAdmin(stage.coordinator);
  });
  after(async () => {
    await database.end();
    await stage[Symbol.asyncDispose]();
  });

  /** As whoever has the database. */
  async function later(change: string): Promise<void> {
    ok(((await database.query(change)).rowCount ?? 0) > 0, change);
  }
  const session = async (browser: TestBrowser): Promise<Session> => browser.ask('readSession');

  test('the first admin comes in with the code that was printed; after that there is no such code', async () => {
    const { operator } = await session(admin);
    deepEqual([operator.name, operator.role, operator.passkeys], ['Ada', 'admin', 1]);
    equal((await admin.ask('signInWays')).anyOperator, true);
    equal(await stage.coordinator.inviteFirst(), undefined);
  });

  test('a code that was printed for the first one is worth nothing once there is one, nor is the one before a newer one', async () => {
    await using other = await raiseStage();
    const [older, newer] = [await other.coordinator.inviteFirst(), await other.coordinator.inviteFirst()];
    const [slow, quick] = [new TestBrowser(other.coordinator), new TestBrowser(other.coordinator)];
    await rejects(slow.enrol(older?.code ?? '', 'Slow'), refused('INVITE_REFUSED'));
    const { ceremonyId, options } = await slow.ask('beginEnrol', { body: { code: newer?.code ?? '', name: 'Slow' } });
    await quick.enrol((newer?.code ?? '').toLowerCase().replaceAll('-', ''), 'Quick');
    await rejects(slow.ask('enrolOperator', { body: { ceremonyId, response: slow.authenticator.create(options) } }), refused('INVITE_REFUSED'));
    equal((await quick.ask('listOperators')).operators.length, 1);
  });

  test('a code is good once, for a day, and under no other spelling', async () => {
    const { code, expiresMs } = await admin.ask('inviteOperator', { body: { name: 'Once', role: 'viewer' } });
    match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);
    ok(expiresMs - Date.now() > 23 * 3_600_000 && expiresMs - Date.now() <= 24 * 3_600_000 + 60_000);
    const browser = new TestBrowser(stage.coordinator);
    await rejects(browser.enrol(`${code.slice(0, -1)}${code.endsWith('0') ? '1' : '0'}`, 'Once'), refused('INVITE_REFUSED'));
    equal((await browser.enrol(code, 'Somebody else')).operator.name, 'Once', 'the name that was invited');
    await rejects(new TestBrowser(stage.coordinator).enrol(code, 'Once'), refused('INVITE_REFUSED'));
    const late = await admin.ask('inviteOperator', { body: { name: 'Late', role: 'viewer' } });
    const waiting = new TestBrowser(stage.coordinator);
    const { ceremonyId, options } = await waiting.ask('beginEnrol', { body: { code: late.code, name: 'Late' } });
    await later(`update invites set expires_at = now() - interval '1 second' where name = 'Late'`);
    await rejects(waiting.ask('enrolOperator', { body: { ceremonyId, response: waiting.authenticator.create(options) } }), refused('INVITE_REFUSED'));
    await rejects(waiting.enrol(late.code, 'Late'), refused('INVITE_REFUSED'));
  });

  test('two who enrol with one code at once are one', async () => {
    const { code } = await admin.ask('inviteOperator', { body: { name: 'Twice', role: 'viewer' } });
    const results = await Promise.allSettled([1, 2, 3].map(() => new TestBrowser(stage.coordinator).enrol(code, 'Twice')));
    deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected']);
  });

  const bad: Record<string, Flaws> = {
    'another origin': { origin: 'http://localhost:1' },
    'a page that calls itself so': { origin: 'https://evil.example' },
    'another host name': { hostName: 'evil.example' },
    'another challenge': { challenge: systemRandom(32).toString('base64url') },
    'another ceremony': { type: 'payment.get' },
    'a person who was not verified': { unverified: true },
  };

  for (const [what, flaws] of Object.entries({ ...bad, 'an attestation that was not asked for': { format: 'fido-u2f' } })) {
    test(`no passkey is made by ${what}, and the code stays good`, async () => {
      const name = `Flawed ${what}`.slice(0, 64);
      const { code } = await admin.ask('inviteOperator', { body: { name, role: 'viewer' } });
      await rejects(new TestBrowser(stage.coordinator).enrol(code, name, flaws), refused('PASSKEY_REFUSED'));
      equal((await new TestBrowser(stage.coordinator).enrol(code, name)).operator.name, name);
    });
  }

  const badSignIns: Record<string, Flaws> = { ...bad, 'another signature': { signature: systemRandom(70) }, 'the handle of another operator': { userHandle: systemRandom(16).toString('base64url') } };
  for (const [what, flaws] of Object.entries(badSignIns)) {
    test(`nobody signs in with ${what}`, async () => {
      await rejects(admin.elsewhere().signIn(flaws), refused('PASSKEY_REFUSED'));
      equal((await admin.elsewhere().signIn()).operator.name, 'Ada', 'and without it one does');
    });
  }

  test('a counter that does not go up is a copy of the authenticator', async () => {
    const clerk = await admin.bring('Counted', 'viewer');
    for (const counterBack of [1, 2]) await rejects(clerk.elsewhere().signIn({ counterBack }), refused('PASSKEY_REFUSED'));
    await clerk.elsewhere().signIn();
  });

  test('a ceremony is good once, for its own kind, and for five minutes', async () => {
    const browser = admin.elsewhere();
    const { ceremonyId, options } = await browser.ask('beginSignIn', { body: {} });
    const response = browser.authenticator.get(options);
    await browser.ask('signIn', { body: { ceremonyId, response } });
    await rejects(admin.elsewhere().ask('signIn', { body: { ceremonyId, response } }), refused('PASSKEY_REFUSED'));
    const other = await browser.ask('beginSignIn', { body: {} });
    await rejects(browser.ask('enrolOperator', { body: { ceremonyId: other.ceremonyId, response } }), refused('PASSKEY_REFUSED'));
    await rejects(browser.ask('signIn', { body: { ceremonyId: 'ab'.repeat(16), response } }), refused('PASSKEY_REFUSED'));
  });

  test('whoever knows no passkey learns nothing: one refusal, and options without names', async () => {
    const stranger = new TestBrowser(stage.coordinator);
    const { options } = await stranger.ask('beginSignIn', { body: {} });
    deepEqual((options as { allowCredentials?: unknown }).allowCredentials, []);
    const texts = new Set<string>();
    for (const browser of [stranger, admin.elsewhere()]) {
      const { ceremonyId, options: asked } = await browser.ask('beginSignIn', { body: {} });
      const response = await browser.send('signIn', { body: { ceremonyId, response: browser.authenticator.get(asked, { signature: systemRandom(70) }) } });
      texts.add(`${response.status} ${await response.text()}`);
    }
    equal(texts.size, 1);
    for (const response of [{}, { id: 7 }, { id: '' }, { id: 'x', response: null }, { id: admin.authenticator.credentialId.toString('base64url') }, { id: admin.authenticator.credentialId.toString('base64url'), response: { userHandle: 5, clientDataJSON: 'e30' } }]) {
      const { ceremonyId } = await stranger.ask('beginSignIn', { body: {} });
      await rejects(stranger.ask('signIn', { body: { ceremonyId, response: response as Record<string, never> } }), refused('PASSKEY_REFUSED'), JSON.stringify(response));
    }
  });

  test('signing in again makes the session fresh; as another operator it ends', async () => {
    const browser = admin.elsewhere();
    const first = await browser.signIn();
    await later(`update sessions set fresh_at = now() - interval '301 seconds' where session_id = '${first.sessionId}'`);
    await rejects(browser.ask('inviteOperator', { body: { name: 'Stale', role: 'viewer' } }), refused('SESSION_STALE'));
    const held = browser.cookie;
    const again = await browser.signIn();
    deepEqual([again.sessionId, again.startedMs, browser.cookie], [first.sessionId, first.startedMs, held]);
    ok(again.freshUntilMs > Date.now());
    await browser.ask('inviteOperator', { body: { name: 'Stale', role: 'viewer' } });
    const clerk = Object.assign((await admin.bring('Second', 'viewer')).elsewhere(), { cookie: held });
    notEqual((await clerk.signIn()).sessionId, first.sessionId);
    await rejects(session(browser), refused('SESSION_MISSING'));
  });

  test('a session ends after an hour of nothing, after half a day in any case, and when somebody ends it', async () => {
    for (const [column, seconds] of [['last_seen_at', 3601], ['started_at', 12 * 3600 + 1]] as const) {
      const browser = admin.elsewhere();
      const { sessionId, expiresMs } = await browser.signIn();
      ok(expiresMs > Date.now() && expiresMs < Date.now() + 3_700_000);
      await later(`update sessions set ${column} = now() - interval '${seconds - 61} seconds' where session_id = '${sessionId}'`);
      equal((await session(browser)).sessionId, sessionId);
      await later(`update sessions set ${column} = now() - interval '${seconds} seconds' where session_id = '${sessionId}'`);
      await rejects(session(browser), refused('SESSION_MISSING'));
      ok(!(await admin.ask('listSessions')).sessions.some((row) => row.sessionId === sessionId));
    }
    const browser = admin.elsewhere();
    await browser.signIn();
    const held = browser.cookie;
    await browser.ask('signOut');
    equal(browser.cookie, undefined);
    await rejects(session(Object.assign(browser, { cookie: held })), refused('SESSION_MISSING'));
  });

  test('who is not an admin sees and ends own sessions alone; an admin all', async () => {
    const clerk = await admin.bring('Clerk', 'operator');
    const own = await session(clerk);
    const other = await clerk.elsewhere().signIn();
    deepEqual(new Set((await clerk.ask('listSessions')).sessions.map(({ sessionId }) => sessionId)), new Set([own.sessionId, other.sessionId]));
    deepEqual((await clerk.ask('listSessions')).sessions.filter((row) => row.own).map(({ sessionId }) => sessionId), [own.sessionId]);
    const { sessionId: ofAdmin } = await session(admin);
    await rejects(clerk.ask('endSession', { params: { sessionId: ofAdmin } }), refused('SESSION_NOT_FOUND'));
    await clerk.ask('endSession', { params: { sessionId: other.sessionId } });
    ok((await admin.ask('listSessions')).sessions.some(({ sessionId, agent }) => sessionId === own.sessionId && agent === 'a test'));
    await admin.ask('endSession', { params: { sessionId: own.sessionId } });
    await rejects(session(clerk), refused('SESSION_MISSING'));
    await rejects(admin.ask('endSession', { params: { sessionId: own.sessionId } }), refused('SESSION_NOT_FOUND'));
  });

  test('of one operator sixteen sessions are kept, those that were used last', async () => {
    const many = await admin.bring('Many', 'viewer');
    for (let count = 0; count < 16; count += 1) await many.elsewhere().signIn();
    equal((await admin.ask('listSessions')).sessions.filter(({ operatorName }) => operatorName === 'Many').length, 16);
    await rejects(session(many), refused('SESSION_MISSING'));
  });

  test('each route for operators asks for its role, and for a session', async () => {
    const people = new Map<Role, TestBrowser>([['admin', admin], ['operator', await admin.bring('Mid', 'operator')], ['viewer', await admin.bring('Low', 'viewer')]]);
    const id = 'ab'.repeat(16);
    const params = { sessionId: id, operatorId: id, accountId: id, desktopId: id, hostId: id };
    let tried = 0;
    for (const [routeId, route] of Object.entries<Route>(routes)) {
      if (route.auth !== 'operator') continue;
      const ask = async (browser: TestBrowser): Promise<string> => ((await (await browser.send(routeId as RouteId, { params, body: route.method === 'POST' ? {} : undefined })).json()) as { code?: string }).code ?? 'ok';
      const unknown = await ask(new TestBrowser(stage.coordinator));
      if (unknown === 'ROUTE_NOT_FOUND') continue; // of the table, but not served
      equal(unknown, 'SESSION_MISSING', routeId);
      for (const role of roles) {
        if (routeId === 'signOut' || roles.indexOf(role) >= roles.indexOf(route.role ?? 'admin')) continue;
        equal(await ask(people.get(role)!), 'ROLE_TOO_LOW', `${routeId} as ${role}`);
        tried += 1;
      }
    }
    ok(tried >= 8, `${tried}`);
  });

  test('the last admin stays one; a role holds from the next request on; who is removed is out', async () => {
    await using other = await raiseStage();
    const ada = await firstAdmin(other.coordinator);
    const { operatorId } = (await session(ada)).operator;
    await rejects(ada.ask('changeRole', { params: { operatorId }, body: { role: 'operator' } }), refused('OPERATOR_LAST_ADMIN'));
    await rejects(ada.ask('removeOperator', { params: { operatorId } }), refused('OPERATOR_LAST_ADMIN'));
    const bob = await ada.bring('Bob', 'admin');
    const bobId = (await session(bob)).operator.operatorId;
    // Each takes the other's role at once: one of them comes second.
    const race = await Promise.allSettled([ada.ask('changeRole', { params: { operatorId: bobId }, body: { role: 'viewer' } }), bob.ask('changeRole', { params: { operatorId }, body: { role: 'viewer' } })]);
    const [winner, loser, loserId] = race[0].status === 'fulfilled' ? [ada, bob, bobId] : [bob, ada, operatorId];
    equal((await winner.ask('listOperators')).operators.filter(({ role }) => role === 'admin').length, 1);
    await rejects(loser.ask('listOperators'), refused('ROLE_TOO_LOW'));
    await winner.ask('removeOperator', { params: { operatorId: loserId } });
    await rejects(session(loser), refused('SESSION_MISSING'));
    await rejects(loser.elsewhere().signIn(), refused('PASSKEY_REFUSED'));
    await rejects(winner.ask('removeOperator', { params: { operatorId: loserId } }), refused('OPERATOR_NOT_FOUND'));
  });

  test('a code for a name that is known is for another passkey, in the role that it has', async () => {
    await admin.bring('Lost', 'operator');
    await rejects(admin.ask('inviteOperator', { body: { name: 'lost', role: 'admin' } }), refused('REQUEST_INVALID'));
    const { code } = await admin.ask('inviteOperator', { body: { name: 'lost', role: 'operator' } });
    const { operator } = await new TestBrowser(stage.coordinator).enrol(code, 'ignored');
    deepEqual([operator.name, operator.role, operator.passkeys], ['Lost', 'operator', 2]);
    // Of two codes for a new name one makes the operator; the other was not for that one.
    const codes = [await admin.ask('inviteOperator', { body: { name: 'New', role: 'admin' } }), await admin.ask('inviteOperator', { body: { name: 'New', role: 'viewer' } })];
    await new TestBrowser(stage.coordinator).enrol(codes[1]!.code, 'New');
    await rejects(new TestBrowser(stage.coordinator).enrol(codes[0]!.code, 'New'), refused('INVITE_REFUSED'));
  });

  test('the database has neither codes nor tokens', async () => {
    const { code } = await admin.ask('inviteOperator', { body: { name: 'Hidden', role: 'viewer' } });
    const { rows } = await database.query<{ text: string }>('select sessions::text as text from sessions union all select invites::text from invites union all select operators::text from operators');
    const everything = rows.map(({ text }) => text).join('\n');
    const token = admin.cookie ?? '';
    for (const secret of [code, code.replaceAll('-', ''), token, Buffer.from(token, 'base64url').toString('hex'), Buffer.from(token).toString('hex'), Buffer.from(code.replaceAll('-', '')).toString('hex')]) {
      ok(secret.length > 15 && !everything.includes(secret), 'a secret in the database');
    }
    match((await admin.elsewhere().send('beginSignIn', { body: {} })).headers.get('cache-control') ?? '', /no-store/);
  });

  test('the cookie is of this origin alone, and out of reach of scripts', async () => {
    const browser = admin.elsewhere();
    const { ceremonyId, options } = await browser.ask('beginSignIn', { body: {} });
    const response = await browser.send('signIn', { body: { ceremonyId, response: browser.authenticator.get(options) } });
    match(response.headers.get('set-cookie') ?? '', new RegExp(`^${sessionCookie}=[A-Za-z0-9_-]{43}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=43200$`));
  });
});
