import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import type { FaultCode } from '@godwit/base';
import type { Session } from '@godwit/wire';
import { firstAdmin, TestBrowser } from '../testing/browser.ts';
import { OpenidPeer, OpenidVisitor } from '../testing/openid-peer.ts';
import { newDatabaseUrl } from '../testing/shared-cluster.ts';
import { raiseStage, type Stage } from '../testing/stage.ts';
import { oidcCookie } from './own-pages.ts';

const refused = (code: FaultCode): { code: FaultCode } => ({ code });

describe('sign-in of operators by an OpenID provider', () => {
  let peer: OpenidPeer;
  let stage: Stage;
  let admin: TestBrowser;
  let database: pg.Client;

  before(async () => {
    peer = await OpenidPeer.listen();
    const databaseUrl = await newDatabaseUrl();
    stage = await raiseStage({ databaseUrl, oidc: peer.options });
    database = new pg.Client({ connectionString: databaseUrl });
    await database.connect();
    peer.people.set('u-mia', { preferred_username: 'mia', groups: ['staff'] });
    peer.people.set('u-sam', { preferred_username: 'sam', groups: ['staff', 'sre'] });
    peer.people.set('u-guest', { preferred_username: 'guest', groups: ['guests'] });
  });
  after(async () => {
    await database.end();
    await stage[Symbol.asyncDispose]();
    await peer[Symbol.asyncDispose]();
  });

  /** Where the browser is sent, and the cookie by which it is known again. */
  async function begin(browser: TestBrowser, fresh = false): Promise<{ url: string; cookie: string }> {
    const response = await browser.send('beginOidc', { body: { fresh } });
    const { url } = (await response.json()) as { url: string };
    const [, cookie = ''] = new RegExp(`^${oidcCookie}=([^;]*)`).exec(response.headers.getSetCookie()[0] ?? '') ?? [];
    return { url, cookie };
  }
  const end = (browser: TestBrowser, query: string, cookie: string): Promise<Session> => {
    const session = browser.cookie === undefined ? '' : `; __Host-godwit-session=${browser.cookie}`;
    return browser.ask('signInByOidc', { body: { query } }, { cookie: `${oidcCookie}=${cookie}${session}` });
  };
  async function comeIn(browser: TestBrowser, account: string | undefined, visitor = new OpenidVisitor(), fresh = false): Promise<Session> {
    const { url, cookie } = await begin(browser, fresh);
    return end(browser, await visitor.goThrough(url, account), cookie);
  }
  const newBrowser = (): TestBrowser => new TestBrowser(stage.coordinator);

  test('a provider that does not answer is said to be out of reach, and passkeys go on', async () => {
    equal((await newBrowser().ask('signInWays')).oidc, 'the house');
    await rejects(newBrowser().ask('beginOidc', { body: { fresh: false } }), refused('OIDC_UNAVAILABLE'));
    peer.serve(stage.coordinator.origin);
  });

  test('nobody becomes the first operator by it, nor an admin', async () => {
    await rejects(comeIn(newBrowser(), 'u-sam'), refused('OIDC_REFUSED'));
    equal((await newBrowser().ask('signInWays')).anyOperator, false);
    admin = await firstAdmin(stage.coordinator);
    peer.people.set('u-boss', { preferred_username: 'boss', groups: ['sre', 'admin', 'admins'] });
    equal((await comeIn(newBrowser(), 'u-boss')).operator.role, 'operator');
  });

  test('its groups decide between viewer and operator at each sign-in; whom it gives no role stays out', async () => {
    const browser = newBrowser();
    const { operator } = await comeIn(browser, 'u-mia');
    deepEqual([operator.name, operator.role, operator.oidc, operator.passkeys], ['mia', 'viewer', true, 0]);
    await rejects(browser.ask('listOperators'), refused('ROLE_TOO_LOW'));
    equal((await comeIn(newBrowser(), 'u-sam')).operator.role, 'operator');
    await rejects(comeIn(newBrowser(), 'u-guest'), refused('OIDC_REFUSED'));
    peer.people.set('u-mia', { preferred_username: 'mia', groups: ['sre'] });
    const risen = await comeIn(newBrowser(), 'u-mia');
    deepEqual([risen.operator.operatorId, risen.operator.role], [operator.operatorId, 'operator']);
    peer.people.set('u-mia', { preferred_username: 'mia', groups: [] });
    await rejects(comeIn(newBrowser(), 'u-mia'), refused('OIDC_REFUSED'));
    peer.people.set('u-mia', { preferred_username: 'mia', groups: ['staff'] });
  });

  test('an admin whom an admin made stays one while the provider gives any role, and no longer', async () => {
    const { operatorId } = (await comeIn(newBrowser(), 'u-sam')).operator;
    await admin.ask('changeRole', { params: { operatorId }, body: { role: 'admin' } });
    equal((await comeIn(newBrowser(), 'u-sam')).operator.role, 'admin');
    peer.people.set('u-sam', { preferred_username: 'sam' });
    await rejects(comeIn(newBrowser(), 'u-sam'), refused('OIDC_REFUSED'));
    peer.people.set('u-sam', { preferred_username: 'sam', groups: 'sre' });
    equal((await comeIn(newBrowser(), 'u-sam')).operator.role, 'admin', 'one value, not in a list');
  });

  test('a name is nobody: who has the name of another operator is another operator', async () => {
    peer.people.set('u-fake', { preferred_username: 'ADA', groups: ['sre'] });
    const { operator } = await comeIn(newBrowser(), 'u-fake');
    match(operator.name, /^ADA #[0-9a-f]{8}$/);
    notEqual(operator.operatorId, (await admin.ask('readSession')).operator.operatorId);
    peer.people.set('u-odd', { preferred_username: ' \u202Eadmin\u0007 ', groups: ['staff'] });
    equal((await comeIn(newBrowser(), 'u-odd')).operator.name, 'admin');
  });

  test('is ended by the browser that began it, once, and with the answer that belongs to it', async () => {
    const [browser, thief] = [newBrowser(), newBrowser()];
    const { url, cookie } = await begin(browser);
    const query = await new OpenidVisitor().goThrough(url, 'u-mia');
    const other = await begin(thief);
    await rejects(end(thief, query, other.cookie), refused('OIDC_REFUSED'), 'the answer of another browser');
    await rejects(end(browser, query, cookie), refused('OIDC_REFUSED'), 'and after that it is used up');
    // Whoever makes a victim's browser end the sign-in that they began themselves gets nothing into it.
    await rejects(thief.ask('signInByOidc', { body: { query: await new OpenidVisitor().goThrough(other.url, 'u-mia') } }), refused('OIDC_REFUSED'));
    const again = await begin(browser);
    const answer = await new OpenidVisitor().goThrough(again.url, 'u-mia');
    equal((await end(browser, answer, again.cookie)).operator.name, 'mia');
    await rejects(end(browser, answer, again.cookie), refused('OIDC_REFUSED'), 'twice');
  });

  const tampers: Record<string, (query: URLSearchParams, others: URLSearchParams) => void> = {
    'another state': (query) => query.set('state', 'ab'.repeat(16)),
    'no state': (query) => query.delete('state'),
    'the code of another sign-in': (query, others) => query.set('code', others.get('code') ?? ''),
    'no code': (query) => query.delete('code'),
    'another issuer': (query) => query.set('iss', 'http://127.0.0.1:1'),
    'that the person said no': (query) => {
      query.delete('code');
      query.set('error', 'access_denied');
    },
  };
  for (const [what, tamper] of Object.entries(tampers)) {
    test(`an answer with ${what} lets nobody in`, async () => {
      const [browser, visitor] = [newBrowser(), new OpenidVisitor()];
      const [mine, theirs] = [await begin(browser), await begin(newBrowser())];
      const query = new URLSearchParams(await visitor.goThrough(mine.url, 'u-mia'));
      tamper(query, new URLSearchParams(await new OpenidVisitor().goThrough(theirs.url, 'u-sam')));
      await rejects(end(browser, query.toString(), mine.cookie), refused('OIDC_REFUSED'));
      await rejects(browser.ask('readSession'), refused('SESSION_MISSING'));
    });
  }

  test('the way to the provider has state, nonce and PKCE, and no secret', async () => {
    const { searchParams, href } = new URL((await begin(newBrowser())).url);
    for (const name of ['state', 'nonce', 'code_challenge']) match(searchParams.get(name) ?? '', /^[A-Za-z0-9_-]{32,}$/, name);
    deepEqual([searchParams.get('response_type'), searchParams.get('code_challenge_method'), searchParams.get('redirect_uri')], ['code', 'S256', `${stage.coordinator.origin}/dashboard/oidc`]);
    ok(!href.includes(encodeURIComponent(peer.options.clientSecret ?? '')));
  });

  test('what decides over others wants somebody whom the provider has asked anew', async () => {
    const visitor = new OpenidVisitor();
    const browser = newBrowser();
    const { sessionId } = await comeIn(browser, 'u-sam', visitor);
    await browser.ask('inviteOperator', { body: { name: 'Nora', role: 'viewer' } });
    await database.query(`update sessions set fresh_at = now() - interval '1 hour' where operator_id in (select operator_id from operators where name = 'sam')`);
    await rejects(browser.ask('inviteOperator', { body: { name: 'Olaf', role: 'viewer' } }), refused('SESSION_STALE'));
    const anew = await comeIn(browser, 'u-sam', visitor, true);
    equal(anew.sessionId, sessionId, 'the same session');
    await browser.ask('inviteOperator', { body: { name: 'Olaf', role: 'viewer' } });
    await rejects(comeIn(browser, undefined, visitor, true), /the provider answered 200/, 'it asks, although it knows');
    // Without being asked anew the provider's memory lets somebody in.
    equal((await comeIn(newBrowser(), undefined, visitor)).operator.name, 'sam');
  });

  test('whoever takes the asking out of the way to the provider gets no fresh session', async () => {
    const visitor = new OpenidVisitor();
    await comeIn(newBrowser(), 'u-sam', visitor);
    const unasked = async (browser: TestBrowser, fresh: boolean): Promise<Session> => {
      const { url, cookie } = await begin(browser, fresh);
      const way = new URL(url);
      for (const name of ['prompt', 'max_age']) way.searchParams.delete(name);
      return end(browser, await visitor.goThrough(way.href, undefined), cookie);
    };
    await rejects(unasked(newBrowser(), true), refused('OIDC_REFUSED'));
    // Where that was not wanted it is a sign-in, and no more.
    const browser = newBrowser();
    equal((await unasked(browser, false)).operator.role, 'admin');
    await rejects(browser.ask('inviteOperator', { body: { name: 'Olga', role: 'viewer' } }), refused('SESSION_STALE'));
  });

  test('another operator at the same browser ends the session before', async () => {
    const browser = newBrowser();
    const first = await comeIn(browser, 'u-mia');
    const second = await comeIn(browser, 'u-sam');
    notEqual(second.sessionId, first.sessionId);
    ok(!(await admin.ask('listSessions')).sessions.some(({ sessionId }) => sessionId === first.sessionId));
  });

  test('a provider in trouble is no refusal of the person', async () => {
    const browser = newBrowser();
    const { url, cookie } = await begin(browser);
    const query = await new OpenidVisitor().goThrough(url, 'u-mia');
    peer.fail();
    await rejects(end(browser, query, cookie), refused('OIDC_UNAVAILABLE'));
    peer.serve(stage.coordinator.origin);
  });
});
