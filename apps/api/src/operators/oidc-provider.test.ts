import { equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { OidcOptions } from './oidc-options.ts';
import { OidcProvider, type Begun } from './oidc-provider.ts';

const begun: Begun = { verifier: 'v'.repeat(43), nonce: 'n'.repeat(32), fresh: false };

/** Providers that are in trouble, or not who they should be. How one that is well is asked: oidc.flow.ts. */
describe('an OpenID provider that is asked where it is', () => {
  let server: Server;
  let answer: RequestListener;
  let provider: OidcProvider;
  let issuer: string;

  beforeEach(async () => {
    server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const options: OidcOptions = { issuer, clientId: 'godwit', clientSecret: 'x', name: 'it', scope: 'openid', claim: 'groups', viewers: ['a'], operators: [] };
    provider = new OidcProvider(options, () => 'http://localhost:7420/dashboard/oidc');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  const metadata = (more: Record<string, unknown> = {}): string => JSON.stringify({ issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys`, response_types_supported: ['code'], ...more });
  const says = (body: string): RequestListener => (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(body);

  const troubles: Record<string, () => RequestListener> = {
    'answers 503': () => (_, response) => void response.writeHead(503).end(),
    'hangs up': () => (request) => void request.socket.destroy(),
    'answers what is no JSON': () => says('<html>'),
    'is another issuer': () => says(metadata({ issuer: 'https://id.example' })),
    'sends the browser on': () => (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  };
  for (const [what, trouble] of Object.entries(troubles)) {
    test(`and ${what} is out of reach, and is asked again the next time`, async () => {
      answer = trouble();
      await rejects(provider.addressFor('s', begun), { code: 'OIDC_UNAVAILABLE' });
      answer = says(metadata());
      match(await provider.addressFor('s', begun), new RegExp(`^${issuer}/auth\\?.*state=s`));
    });
  }

  test('and answers without end is cut off', async () => {
    let sentBytes = 0;
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => {
        do sentBytes += 65_536;
        while (response.write(' '.repeat(65_536)) && sentBytes < 2 ** 30);
      };
      response.on('drain', more);
      more();
    };
    await rejects(provider.addressFor('s', begun), { code: 'OIDC_UNAVAILABLE' });
    ok(sentBytes < 2 ** 28, `${sentBytes}`);
  });

  test('is asked once, and not again for each sign-in', async () => {
    let asked = 0;
    answer = (request, response) => {
      asked += 1;
      says(metadata())(request, response);
    };
    await Promise.all([1, 2, 3].map((n) => provider.addressFor(`s${n}`, begun)));
    await provider.addressFor('s4', begun);
    equal(asked, 1);
  });
});
