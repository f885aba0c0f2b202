import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import Provider from 'oidc-provider';
import { enrolFirst, heading, settled } from './acts.ts';
import { assertAccessible } from './accessibility.ts';
import { runSql } from './database.ts';
import { ask } from './pages.ts';
import { Stage, type Visit } from './stage.ts';

const client = { client_id: 'godwit', client_secret: 'a secret of the test', response_types: ['code'], grant_types: ['authorization_code'] };

/** Through a real browser: the provider's own pages, the way back over another origin, the page's policy and its cookies. What may not come in: oidc.flow.ts. */
describe('sign-in at the dashboard by an OpenID provider', { timeout: 300_000 }, () => {
  let stage: Stage;
  let provider: Server;

  before(async () => {
    provider = createServer().listen(0, '127.0.0.1');
    await once(provider, 'listening');
    const issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
    stage = await Stage.open([], { GODWIT_OIDC_ISSUER: issuer, GODWIT_OIDC_CLIENT_ID: client.client_id, GODWIT_OIDC_CLIENT_SECRET: client.client_secret, GODWIT_OIDC_NAME: 'the house', GODWIT_OIDC_OPERATORS: 'sre' });
    const peer = new Provider(issuer, {
      clients: [{ ...client, redirect_uris: [stage.address('/oidc')] }],
      cookies: { keys: ['of the test'] },
      claims: { openid: ['sub', 'groups'], profile: ['preferred_username'] },
      findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId, preferred_username: accountId, groups: accountId === 'sam' ? ['sre'] : [] }) }),
    });
    const answer = peer.callback();
    provider.on('request', (request, response) => void answer(request, response));
  });
  after(async () => {
    await stage.close();
    provider.closeAllConnections();
    provider.close();
  });

  async function typeAtProvider(page: Page, name: string): Promise<void> {
    await page.getByPlaceholder('Enter any login').fill(name);
    await page.getByPlaceholder('and password').fill('any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
  }
  /** Its pages are of another origin, have no icon, and want a font from far away, which they do not get. */
  async function allowProvider({ context, watch }: Visit): Promise<void> {
    await context.route(/^https:\/\/fonts\.googleapis\.com\//, (route) => route.fulfill({ contentType: 'text/css', body: '' }));
    for (const expected of [/^asks another origin: http:\/\/127\.0\.0\.1:/, /^asks another origin: https:\/\/fonts\.googleapis\.com\//, /status of 404 .*\/favicon\.ico$/]) watch.allow(expected);
  }
  const viaProvider = (page: Page) => page.getByRole('button', { name: 'Sign in with the house' });

  test('comes back to the page that was wanted, confirms anew there, and leaves nothing of it in the address', async () => {
    await enrolFirst(stage, 'Ada');
    await stage.visit({}, async (visit) => {
      const { page, watch } = visit;
      await allowProvider(visit);
      await page.goto(stage.address('/hosts?search=x'));
      await viaProvider(page).waitFor();
      await assertAccessible(page, 'the sign-in page with a provider');
      await viaProvider(page).click();
      await typeAtProvider(page, 'sam');
      await page.getByRole('button', { name: 'Continue' }).click();
      await heading(page, 'Hosts').waitFor();
      await settled(page);
      assert.ok(page.url().endsWith('/dashboard/hosts?search=x'), page.url());
      const session = await ask<{ operator: { operatorId: string; name: string; role: string; oidc: boolean } }>(page, '/v1/operator/session');
      assert.deepEqual([session.operator.name, session.operator.role, session.operator.oidc], ['sam', 'operator', true]);
      // As an admin with an old sign-in: what decides over others asks the provider anew.
      runSql(stage.house, `update operators set role = 'admin' where name = 'sam'; update sessions set fresh_at = now() - interval '1 hour'`);
      watch.allow(/status of 403/);
      await page.goto(stage.address('/operators'));
      await page.getByRole('button', { name: 'Invite an operator' }).click();
      await page.getByLabel('Name').fill('Nora');
      await page.getByRole('button', { name: 'Make a code' }).click();
      await page.getByRole('button', { name: 'Sign in again with the house' }).click();
      await typeAtProvider(page, 'sam');
      await heading(page, 'Operators').waitFor();
      await page.getByRole('button', { name: 'Invite an operator' }).click();
      await page.getByLabel('Name').fill('Nora');
      await page.getByRole('button', { name: 'Make a code' }).click();
      await page.getByRole('heading', { name: 'A code for Nora' }).waitFor();
    });
  });

  test('whom the provider gives no role is told so, with the next step', async () => {
    await stage.visit({}, async (visit) => {
      const { page, watch } = visit;
      await allowProvider(visit);
      watch.allow(/status of 403/);
      await page.goto(stage.address('/sign-in'));
      await viaProvider(page).click();
      await typeAtProvider(page, 'guest');
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByRole('alert').getByText('OIDC_REFUSED').waitFor();
      assert.equal(new URL(page.url()).search, '');
      await page.getByRole('link', { name: 'Back to the sign-in page' }).click();
      await viaProvider(page).waitFor();
    });
  });
});
