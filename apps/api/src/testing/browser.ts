import { WebSocket } from 'ws';
import { faultOf, pathOf, routes, sessionCookie, type AnswerOf, type Role, type Route, type RouteId, type Routes, type Session } from '@godwit/wire';
import type { RunningCoordinator } from '../coordinator.ts';
import { TestAuthenticator, type Flaws } from './authenticator.ts';
import type { Asking } from './client.ts';

/** A person at a browser with the dashboard's page open: it sends the origin, keeps the cookie and has an authenticator. */
export class TestBrowser {
  readonly coordinator: RunningCoordinator;
  readonly authenticator: TestAuthenticator;
  /** Sent with every request; tests change them. */
  readonly headers: Record<string, string>;
  cookie: string | undefined;

  constructor(coordinator: RunningCoordinator) {
    this.coordinator = coordinator;
    this.authenticator = new TestAuthenticator(coordinator.origin);
    this.headers = { origin: coordinator.origin, 'sec-fetch-site': 'same-origin', 'user-agent': 'a test' };
  }

  /** The same person at another browser. */
  elsewhere(): TestBrowser {
    return Object.assign(new TestBrowser(this.coordinator), { authenticator: this.authenticator });
  }

  /** The answer, held to its schema, or the fault that it carried, thrown. */
  async ask<Id extends RouteId>(id: Id, asking: Asking<Id> = {}, headers: Readonly<Record<string, string>> = {}): Promise<AnswerOf<Routes[Id]>> {
    const response = await this.send(id, asking, headers);
    const body: unknown = await response.json();
    if (!response.ok) throw faultOf(response.status, body);
    this.#keepCookie(response);
    const route: Route = routes[id];
    if (response.status !== route.status || typeof route.answer === 'string') throw new Error(`${id} answered ${response.status}`);
    return route.answer.parse(body) as AnswerOf<Routes[Id]>;
  }

  async send<Id extends RouteId>(id: Id, { params, query, body }: Asking<Id> = {}, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const route: Route = routes[id];
    const cookie = this.cookie === undefined ? {} : { cookie: `${sessionCookie}=${this.cookie}` };
    const init = { method: route.method, headers: { ...this.headers, ...cookie, 'content-type': 'application/json', ...headers } };
    return fetch(`${this.coordinator.url}${pathOf(route, params, query)}`, body === undefined ? init : { ...init, body: JSON.stringify(body) });
  }

  #keepCookie(response: Response): void {
    for (const header of response.headers.getSetCookie()) {
      const [, value] = new RegExp(`^${sessionCookie}=([^;]*)`).exec(header) ?? [];
      if (value !== undefined) this.cookie = value === '' ? undefined : value;
    }
  }

  async enrol(code: string, name: string, flaws: Flaws = {}): Promise<Session> {
    const { ceremonyId, options } = await this.ask('beginEnrol', { body: { code, name } });
    return this.ask('enrolOperator', { body: { ceremonyId, response: this.authenticator.create(options, flaws) } });
  }

  async signIn(flaws: Flaws = {}): Promise<Session> {
    const { ceremonyId, options } = await this.ask('beginSignIn', { body: {} });
    return this.ask('signIn', { body: { ceremonyId, response: this.authenticator.get(options, flaws) } });
  }

  /** Somebody whom this admin invites, signed in. */
  async bring(name: string, role: Role): Promise<TestBrowser> {
    const { code } = await this.ask('inviteOperator', { body: { name, role } });
    const browser = new TestBrowser(this.coordinator);
    await browser.enrol(code, 'another name');
    return browser;
  }

  /** A WebSocket as a page opens it. */
  socket(ticket: string, origin = this.coordinator.origin): WebSocket {
    return new WebSocket(`${this.coordinator.url.replace('http', 'ws')}${routes.operatorEvents.path}?ticket=${ticket}`, { origin });
  }
}

/** The first admin of a coordinator that nobody operates yet, signed in. */
export async function firstAdmin(coordinator: RunningCoordinator, name = 'Ada'): Promise<TestBrowser> {
  const invite = await coordinator.inviteFirst();
  if (invite === undefined) throw new Error('there is an operator');
  const browser = new TestBrowser(coordinator);
  await browser.enrol(invite.code, name);
  return browser;
}
