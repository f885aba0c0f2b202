import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ByteReader, newId, systemClock, systemRandom, type CommitId, type DesktopId } from '@godwit/base';
import { deserialiseDevice, newDesktopKey, openGrant, openTreeHead, replayChain, Secret, sha256, signRequest, signWitness, unwrapDesktopKey, wrapDesktopKey, wrappedGenerations, type ChainState, type DeviceSecrets } from '@godwit/crypto';
import { CheckpointReader, CheckpointWriter, decodeManifestPublic, defineRegion, desktopKeys, signedUrlStore, type DesktopKeys, type ObjectStore, type Region } from '@godwit/snapshot';
import { bytesOf, faultOf, pathOf, routes, textOf, type AnswerOf, type BodyOf, type Desktop, type ParamsOf, type QueryOf, type Route, type RouteId, type Routes, type WrappedKey } from '@godwit/wire';

interface Asking<Id extends RouteId> {
  readonly params?: ParamsOf<Routes[Id]>;
  readonly query?: QueryOf<Routes[Id]>;
  readonly body?: BodyOf<Routes[Id]>;
}

interface Settings {
  readonly coordinator: string;
  readonly audience: string;
  readonly logKey: string;
}

const pageBytes = 65_536;

/**
 * Whoever has all files of a host whose keys lie in plain files: speaks, signs, writes and reads as that host, with none of the agent's
 * own checks. It is the host itself in tests that need a checkpoint and no machine, and the thief of it in the others.
 */
export class Insider {
  readonly device: DeviceSecrets;
  readonly settings: Settings;
  /** By generation. */
  readonly accountKeys: ReadonlyMap<number, Secret>;

  /** `coordinator`: where it is asked, if not where the host itself asks. `device`: another one of the account that signs, with the same account keys. */
  constructor(home: string, coordinator?: string, device?: DeviceSecrets) {
    this.device = device ?? deserialiseDevice(readFileSync(join(home, 'device.key')));
    const settings = JSON.parse(readFileSync(join(home, 'agent.json'), 'utf8')) as Settings;
    this.settings = coordinator === undefined ? settings : { ...settings, coordinator };
    this.accountKeys = readAccountKeys(readFileSync(join(home, 'account.key')));
  }

  async ask<Id extends RouteId>(id: Id, { params, query, body }: Asking<Id> = {}): Promise<AnswerOf<Routes[Id]>> {
    const route: Route = routes[id];
    const path = pathOf(route, params, query);
    const text = body === undefined ? '' : JSON.stringify(body);
    const signed = this.signed(route.method, path, text);
    const response = await fetch(new URL(path, this.settings.coordinator), { method: route.method, headers: { ...signed, 'content-type': 'application/json' }, ...(text === '' ? {} : { body: text }) });
    const answer: unknown = await response.json();
    if (!response.ok) throw faultOf(response.status, answer);
    return answer as AnswerOf<Routes[Id]>;
  }

  signed(method: string, path: string, body = ''): Record<string, string> {
    return signRequest({ method, path, bodySha256: sha256(Buffer.from(body)), timeMs: Date.now(), audience: this.settings.audience }, this.device, systemRandom);
  }

  async chain(): Promise<ChainState> {
    return replayChain((await this.ask('readChain', { query: {} })).entries.map(bytesOf));
  }

  async desktop(name: string): Promise<Desktop> {
    const found = (await this.ask('listDesktops')).desktops.find((desktop) => desktop.name === name);
    if (found === undefined) throw new Error(`no desktop ${name}`);
    return found;
  }

  /** A desktop of one small disk, with its key under the newest account key that this host holds. */
  async createDesktop(name: string): Promise<DesktopId> {
    const desktopId = newId<DesktopId>(systemRandom);
    const { accountId, generation } = await this.chain();
    const bytes = wrapDesktopKey({ accountId, accountKey: this.#accountKey(generation), generation, desktopId, keyGeneration: generation, desktopKey: newDesktopKey(systemRandom) }, systemRandom);
    await this.ask('createDesktop', { body: { desktopId, name, wrappedKey: { generation, bytes: textOf(bytes) } } });
    return desktopId;
  }

  /** Takes what was granted to this host since its files were written. */
  async takeGrants(): Promise<void> {
    const chain = await this.chain();
    const { grants } = await this.ask('listGrants');
    const keys = this.accountKeys as Map<number, Secret>;
    for (const { generation, bytes } of grants) if (!keys.has(generation)) keys.set(generation, openGrant(bytesOf(bytes), { device: this.device, chain, generation }).accountKey);
  }

  /** Throws what the key throws that does not open; undefined for those whose account key this host does not have. */
  openKeys(chain: ChainState, desktopId: DesktopId, wrapped: readonly WrappedKey[]): Map<number, Secret> {
    const keys = new Map<number, Secret>();
    for (const { generation: keyGeneration, bytes } of wrapped) {
      const { generation } = wrappedGenerations(bytesOf(bytes));
      const accountKey = this.accountKeys.get(generation);
      if (accountKey !== undefined) keys.set(keyGeneration, unwrapDesktopKey({ accountId: chain.accountId, accountKey, generation, desktopId, keyGeneration }, bytesOf(bytes)));
    }
    return keys;
  }

  store(desktopId: DesktopId, epoch: number): ObjectStore {
    return signedUrlStore({
      clock: systemClock,
      random: systemRandom,
      mint: async (operation, objects) => {
        const body: BodyOf<Routes['mintUrls']> = operation === 'get' ? { operation, objects: objects.map(({ key }) => ({ key })) } : { operation, epoch, objects: objects.map(({ key, lengthBytes }) => ({ key, lengthBytes: lengthBytes ?? 0 })) };
        const { expiresMs, urls } = await this.ask('mintUrls', { params: { desktopId }, body });
        return urls.map(({ key, url, headers }) => ({ key, url: new URL(url, this.settings.coordinator).href, headers, expiresMs }));
      },
    });
  }

  /** Commits the next checkpoint of a desktop that this host holds: one page of `content`. `chain`: what the manifest says of the chain. */
  async checkpoint(name: string, content: Buffer, wish: { release?: boolean; keyGeneration?: number; chain?: ChainState } = {}): Promise<{ manifest: Buffer; sequence: number }> {
    const { desktopId, epoch, head, wrappedKeys } = await this.desktop(name);
    const chain = wish.chain ?? (await this.chain());
    const keys = desktopKeys(desktopId, this.openKeys(chain, desktopId, wrappedKeys));
    const parent = head === null ? undefined : (await this.read(name, keys)).reader;
    const regions: Region[] = [defineRegion({ id: 0, kind: 'disk', name: 'disk0', lengthBytes: 16 * pageBytes })];
    const writer = new CheckpointWriter({
      store: this.store(desktopId, epoch), keys, epoch, keyGeneration: wish.keyGeneration ?? chain.generation, signer: this.device, chain, regions,
      ...(parent === undefined ? {} : { parent }), random: systemRandom, clock: systemClock,
    });
    const page = Buffer.alloc(pageBytes);
    for (let at = 0; at < pageBytes; at += content.length) content.copy(page, at);
    await writer.putPages(0, Uint32Array.of((head?.sequence ?? 0) % 16), page);
    const sequence = (head?.sequence ?? 0) + 1;
    const { manifest, commitId } = await writer.finish({ contract: Buffer.from('{}'), sequence, stats: { bytesScanned: 0, pauseMs: 0 } });
    await this.commit(desktopId, epoch, manifest, commitId, wish.release ?? false);
    return { manifest, sequence };
  }

  async commit(desktopId: DesktopId, epoch: number, manifest: Buffer, commitId: CommitId, release: boolean): Promise<void> {
    const { head } = await this.ask('readTreeHead', { query: {} });
    const seen = openTreeHead(bytesOf(head), { audience: this.settings.audience, signPublic: bytesOf(this.settings.logKey) });
    await this.ask('commitCheckpoint', { params: { desktopId }, body: { commitId, epoch, manifest: textOf(manifest), release, witness: textOf(signWitness(sha256(manifest), seen, this.device)) } });
  }

  /** Opens the desktop's head; with keys that are not this host's own where they are given. */
  async read(name: string, keys?: DesktopKeys): Promise<{ reader: CheckpointReader; manifest: Buffer }> {
    const { desktopId, epoch, head, wrappedKeys } = await this.desktop(name);
    const chain = await this.chain();
    const manifest = bytesOf((await this.ask('readManifest', { params: { desktopId, sequence: String(head?.sequence ?? 0) } })).manifest);
    const writer = chain.devices.get(decodeManifestPublic(manifest).hostId);
    if (writer === undefined) throw new Error('an unknown writer');
    const own = keys ?? desktopKeys(desktopId, this.openKeys(chain, desktopId, wrappedKeys));
    return { manifest, reader: await CheckpointReader.open({ store: this.store(desktopId, epoch), keys: own, manifest, signerPublic: writer.device.signPublic }) };
  }

  #accountKey(generation: number): Secret {
    const key = this.accountKeys.get(generation);
    if (key === undefined) throw new Error(`no account key of generation ${generation}`);
    return key;
  }
}

function readAccountKeys(bytes: Buffer): Map<number, Secret> {
  const reader = new ByteReader(bytes, 'RECORD_DAMAGED');
  reader.take(10);
  const keys = new Map<number, Secret>();
  for (let count = reader.u16(); count > 0; count -= 1) keys.set(reader.u32(), new Secret(Buffer.from(reader.take(32))));
  return keys;
}
