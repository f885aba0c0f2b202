import { Agent, request } from 'node:http';
import { newId, systemClock, systemRandom, type DesktopId } from '@godwit/base';
import { createDevice, createRecovery, newAccountKey, recoveryFromWords, replayChain, sha256, signAdd, signGenesis, signOfflinePolicy, signRequest, type DeviceSecrets } from '@godwit/crypto';
import { faultOf, pathOf, routes, textOf, type AnswerOf, type BodyOf, type ParamsOf, type Route, type RouteId, type Routes } from '@godwit/wire';

interface Asking<Id extends RouteId> {
  readonly params?: ParamsOf<Routes[Id]>;
  readonly body?: BodyOf<Routes[Id]>;
}

/** One host with a connection of its own, as an agent has one, and a strict desktop that it holds in epoch 1. */
export class BenchHost {
  readonly device: DeviceSecrets;
  readonly desktopId = newId<DesktopId>(systemRandom);
  readonly #place: { readonly url: string; readonly audience: string };
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(place: { readonly url: string; readonly audience: string }, device: DeviceSecrets) {
    this.#place = place;
    this.device = device;
  }

  async call<Id extends RouteId>(id: Id, { params, body }: Asking<Id>): Promise<AnswerOf<Routes[Id]>> {
    const route: Route = routes[id];
    const path = pathOf(route, params, undefined);
    const bytes = Buffer.from(JSON.stringify(body ?? {}));
    const parts = { method: route.method, path, bodySha256: sha256(bytes), timeMs: systemClock.wallMs(), audience: this.#place.audience };
    const headers = { ...signRequest(parts, this.device, systemRandom), 'content-type': 'application/json', 'content-length': bytes.length };
    const { status, text } = await this.#send(path, route.method, headers, bytes);
    const answer = JSON.parse(text) as AnswerOf<Routes[Id]>;
    if (status !== route.status) throw faultOf(status, answer);
    return answer;
  }

  async makeDesktop(): Promise<void> {
    const params = { desktopId: this.desktopId };
    await this.call('createDesktop', { body: { ...params, name: `desktop-${this.desktopId.slice(0, 12)}`, wrappedKey: { generation: 1, bytes: textOf(systemRandom(86)) } } });
    const policy = signOfflinePolicy({ ...params, mode: 'stop', signedMs: systemClock.wallMs() }, this.device);
    await this.call('saveOfflinePolicy', { params, body: { policy: textOf(policy) } });
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(path: string, method: string, headers: Record<string, string | number>, body: Buffer): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, this.#place.url), { method, headers, agent: this.#agent }, (response) => {
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
export async function enrolHosts(place: { readonly url: string; readonly audience: string }, count: number): Promise<BenchHost[]> {
  const grant = (recipient: string): { recipient: string; generation: number; bytes: string } => ({ recipient, generation: 1, bytes: textOf(systemRandom(200)) });
  const recovery = recoveryFromWords(createRecovery(systemRandom).words.join(' '));
  const createdMs = systemClock.wallMs();
  const first = new BenchHost(place, createDevice(systemRandom));
  const entries = [signGenesis({ recovery, accountKey: newAccountKey(systemRandom), device: first.device, name: 'host-0', createdMs })];
  await first.call('createAccount', { body: { genesis: textOf(entries[0]!), grants: [grant(first.device.hostId), grant(recovery.hostId)] } });
  const hosts = [first];
  while (hosts.length < count) {
    const host = new BenchHost(place, createDevice(systemRandom));
    const entry = signAdd(replayChain(entries), { device: host.device, name: `host-${hosts.length}`, signer: first.device, createdMs });
    await first.call('appendChain', { body: { expectedLength: entries.length, entry: textOf(entry), grants: [grant(host.device.hostId)] } });
    entries.push(entry);
    hosts.push(host);
  }
  for (const host of hosts) await host.makeDesktop();
  return hosts;
}
