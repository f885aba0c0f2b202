import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import type { OidcOptions } from '../operators/oidc-options.ts';

/** An OpenID provider, the real oidc-provider, with its own pages for who signs in; and a browser that goes through them. */
export class OpenidPeer implements AsyncDisposable {
  readonly options: OidcOptions;
  /** Who has an account there, by its name, with what is claimed of them. */
  readonly people = new Map<string, Readonly<Record<string, unknown>>>();
  readonly #server: Server;
  #answer: (request: IncomingMessage, response: ServerResponse) => unknown = (_, response) => response.writeHead(503).end();

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => void this.#answer(request, response));
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.options = { issuer, clientId: 'godwit', clientSecret: 'a secret of the test', name: 'the house', scope: 'openid profile', claim: 'groups', viewers: ['staff'], operators: ['sre'] };
  }

  /** It listens, and answers 503 until it is told whom it serves. */
  static async listen(): Promise<OpenidPeer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new OpenidPeer(server);
  }

  /** From now on it is a provider for the coordinator whose pages are at `origin`. */
  serve(origin: string): void {
    const { issuer, clientId, clientSecret } = this.options;
    const provider = new Provider(issuer, {
      clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [`${origin}/dashboard/oidc`], response_types: ['code'], grant_types: ['authorization_code'] }],
      cookies: { keys: ['of the test'] },
      claims: { openid: ['sub', 'groups'], profile: ['preferred_username'] },
      findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId, ...this.people.get(accountId) }) }),
    });
    this.#answer = provider.callback();
  }

  /** As when it is being restarted. */
  fail(): void {
    this.#answer = (_, response) => response.writeHead(503).end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const stepsMax = 12;

/** A browser at the provider: it keeps cookies, follows to other pages, and types a name where it is asked for one. */
export class OpenidVisitor {
  readonly #cookies = new Map<string, string>();

  /** The query with which the provider sends the browser back. `account` is typed where the provider asks; undefined: it must not ask. */
  async goThrough(url: string, account: string | undefined): Promise<string> {
    let [next, form] = [url, undefined as URLSearchParams | undefined];
    const { origin } = new URL(url);
    for (let step = 0; step < stepsMax; step += 1) {
      const response = await this.#ask(next, form);
      const location = response.headers.get('location');
      if (location !== null) {
        [next, form] = [new URL(location, next).href, undefined];
        if (new URL(next).origin !== origin) return new URL(next).search.slice(1);
        continue;
      }
      const page = await response.text();
      const [, action = ''] = /action="([^"]+)"/.exec(page) ?? [];
      const asksWho = page.includes('name="login"');
      if (action === '' || (asksWho && account === undefined)) throw new Error(`the provider answered ${response.status}: ${page.slice(0, 400)}`);
      [next, form] = [new URL(action, next).href, new URLSearchParams(asksWho ? { prompt: 'login', login: account ?? '', password: 'any' } : { prompt: 'consent' })];
    }
    throw new Error('the provider never sends the browser back');
  }

  async #ask(url: string, form: URLSearchParams | undefined): Promise<Response> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie }, ...(form === undefined ? {} : { method: 'POST', body: form }) });
    for (const header of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(header) ?? [];
      if (name === undefined || value === undefined) continue;
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }
}
