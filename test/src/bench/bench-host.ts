import { Agent, request } from 'node:http';
import { newId, systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice, createRecovery, newAccountKey, recoveryFromWords, replayChain, sha256, signAdd, signGenesis, signOfflinePolicy, signRequest, type DeviceSecrets } from '@godwit/crypto';
import { faultOf, pathOf, routes, textOf, type AnswerOf, type BodyOf, type ParamsOf, type QueryOf, type Route, type RouteId, type Routes } from '@godwit/wire';

interface Asking<Id extends RouteId> {
  readonly params?: ParamsOf<Routes[Id]>;
  readonly query?: QueryOf<Routes[Id]>;
  readonly body?: BodyOf<Routes[Id]>;
}

/** One way to a coordinator, with the connections that are used for it. */
export interface Way {
  readonly url: string;
  readonly agent: Agent;
}

/** Where a host asks: its request goes by one of the ways. */
export interface Place {
  readonly audience: string;
  readonly ways: readonly Way[];
}

/** A connection of one host's own, as an agent has one. */
function ownWay({ url, audience }: { readonly url: string; readonly audience: string }): Place {
  return { audience, ways: [{ url, agent: new Agent({ keepAlive: true, maxSockets: 1 }) }] };
}

/** One host, and a strict desktop that it holds in epoch 1. Answers are not held to their schemas: that would be measured too. */
export class BenchHost {
  readonly device: DeviceSecrets;
  readonly desktopId: DesktopId;
  readonly #place: Place;
  #turn = 0;

  constructor(place: Place, device: DeviceSecrets, desktopId = newId<DesktopId>(systemRandom)) {
    [this.#place, this.device, this.desktopId] = [place, device, desktopId];
  }

  /** The same host, by other ways. */
  at(place: Place): BenchHost {
    return new BenchHost(place, this.device, this.desktopId);
  }

  async call<Id extends RouteId>(id: Id, { params, query, body }: Asking<Id>): Promise<AnswerOf<Routes[Id]>> {
    const route: Route = routes[id];
    const path = pathOf(route, params, query);
    const bytes = Buffer.from(body === undefined ? '' : JSON.stringify(body));
    const { status, text } = await this.#send(path, route.method, { ...this.headers(route.method, path, bytes), 'content-type': 'application/json', 'content-length': bytes.length }, bytes);
    const answer = JSON.parse(text) as AnswerOf<Routes[Id]>;
    if (status !== route.status) throw faultOf(status, answer);
    return answer;
  }

  headers(method: string, path: string, body: Uint8Array = new Uint8Array()): Record<string, string> {
    return signRequest({ method, path, bodySha256: sha256(body), timeMs: systemClock.wallMs(), audience: this.#place.audience }, this.device, systemRandom);
  }

  async makeDesktop(): Promise<void> {
    const params = { desktopId: this.desktopId };
    await this.call('createDesktop', { body: { ...params, name: `desktop-${this.desktopId.slice(0, 12)}`, wrappedKey: { generation: 1, bytes: textOf(systemRandom(86)) } } });
    const policy = signOfflinePolicy({ ...params, mode: 'stop', signedMs: systemClock.wallMs() }, this.device);
    await this.call('saveOfflinePolicy', { params, body: { policy: textOf(policy) } });
  }

  close(): void {
    for (const { agent } of this.#place.ways) agent.destroy();
  }

  #send(path: string, method: string, headers: Record<string, string | number>, body: Buffer): Promise<{ status: number; text: string }> {
    const { ways } = this.#place;
    const { url, agent } = ways[(this.#turn += 1) % ways.length]!;
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, url), { method, headers, agent }, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString('utf8') }));
      });
      sent.once('error', reject);
      sent.end(body);
    });
  }
}

/** Hosts of one account, added without the ceremony of codes; the coordinator cannot open grants, so they hold nothing here. */
export async function enrolHosts(coordinator: { readonly url: string; readonly audience: string }, count: number): Promise<BenchHost[]> {
  const grant = (recipient: string): { recipient: string; generation: number; bytes: string } => ({ recipient, generation: 1, bytes: textOf(systemRandom(200)) });
  const recovery = recoveryFromWords(createRecovery(systemRandom).words.join(' '));
  const createdMs = systemClock.wallMs();
  const first = new BenchHost(ownWay(coordinator), createDevice(systemRandom));
  const entries = [signGenesis({ recovery, accountKey: newAccountKey(systemRandom), device: first.device, name: 'host-0', createdMs })];
  await first.call('createAccount', { body: { genesis: textOf(entries[0]!), grants: [grant(first.device.hostId), grant(recovery.hostId)] } });
  const hosts = [first];
  while (hosts.length < count) {
    const host = new BenchHost(ownWay(coordinator), createDevice(systemRandom));
    const entry = signAdd(replayChain(entries), { device: host.device, name: `host-${hosts.length}`, signer: first.device, createdMs });
    await first.call('appendChain', { body: { expectedLength: entries.length, entry: textOf(entry), grants: [grant(host.device.hostId)] } });
    entries.push(entry);
    hosts.push(host);
  }
  for (const host of hosts) await host.makeDesktop();
  return hosts;
}
