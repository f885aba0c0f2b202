import { strictEqual } from 'node:assert/strict';
import { systemRandom } from '@godwit/base';
import { openTreeHead, sha256, signRequest, type DeviceSecrets, type SignedTreeHead } from '@godwit/crypto';
import { bytesOf, faultOf, pathOf, routes, type AnswerOf, type BodyOf, type ParamsOf, type QueryOf, type Route, type RouteId, type Routes } from '@godwit/wire';
import type { RunningCoordinator } from '../coordinator.ts';

export interface Asking<Id extends RouteId> {
  readonly params?: ParamsOf<Routes[Id]>;
  readonly query?: QueryOf<Routes[Id]>;
  readonly body?: BodyOf<Routes[Id]>;
}

/** What tests may do to a request that was made and signed in order. */
export type Tamper = (request: { path: string; method: string; headers: Record<string, string>; body: string | undefined }) => void;

/** Where a coordinator, or several behind one address, can be asked, and whom they are. */
export type Front = Pick<RunningCoordinator, 'url' | 'audience' | 'logKey'>;

/** One device that talks to a coordinator. Answers are held to their schemas. */
export class TestClient {
  readonly device: DeviceSecrets;
  /** Of the coordinator: what tree heads are signed for and with. */
  readonly audience: string;
  readonly signPublic: Buffer;
  readonly #coordinator: Front;
  #seen: SignedTreeHead | undefined;

  constructor(coordinator: Front, device: DeviceSecrets) {
    this.#coordinator = coordinator;
    this.device = device;
    [this.audience, this.signPublic] = [coordinator.audience, coordinator.logKey];
  }

  /** The same device at another coordinator, or at the same one after a restart. */
  at(coordinator: Front): TestClient {
    return new TestClient(coordinator, this.device);
  }

  /** The newest head of the audit log, its signature checked; `seen` from now on. */
  async look(): Promise<SignedTreeHead> {
    const { head } = await this.ask('readTreeHead', { query: {} });
    this.#seen = openTreeHead(bytesOf(head), this);
    return this.#seen;
  }

  /** The head that `look` saw last. */
  get seen(): SignedTreeHead {
    if (this.#seen === undefined) throw new Error('the client has not looked at the log');
    return this.#seen;
  }

  /** The answer, or the fault it carried, thrown. */
  async ask<Id extends RouteId>(id: Id, asking: Asking<Id> = {}): Promise<AnswerOf<Routes[Id]>> {
    const response = await this.send(id, asking);
    const body: unknown = await response.json();
    const route: Route = routes[id];
    if (!response.ok) {
      strictEqual(response.headers.get('content-type'), 'application/problem+json');
      throw faultOf(response.status, body);
    }
    strictEqual(response.status, route.status);
    if (typeof route.answer === 'string') throw new Error(`${id} does not answer JSON`);
    return route.answer.parse(body) as AnswerOf<Routes[Id]>;
  }

  async send<Id extends RouteId>(id: Id, { params, query, body }: Asking<Id> = {}, tamper?: Tamper): Promise<Response> {
    const route: Route = routes[id];
    const path = pathOf(route, params, query);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const request = { path, method: route.method as string, body: text, headers: this.headers(route.method, path, text ?? '') };
    tamper?.(request);
    return fetch(`${this.#coordinator.url}${request.path}`, { method: request.method, headers: request.headers, ...(request.body === undefined ? {} : { body: request.body }) });
  }

  headers(method: string, path: string, body: string, timeMs = Date.now()): Record<string, string> {
    const parts = { method, path, bodySha256: sha256(Buffer.from(body)), timeMs, audience: this.#coordinator.audience };
    return { ...signRequest(parts, this.device, systemRandom), 'content-type': 'application/json' };
  }
}
