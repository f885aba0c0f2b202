import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { newId, silentLog, systemRandom, type AccountId, type CommitId, type DesktopId, type HostId, type Log, type PackId } from '@godwit/base';
import { createDevice, createRecovery, newAccountKey, recoveryFromWords, replayChain, sha256, signAdd, signGenesis, signRevoke, signWitness, type ChainState, type DeviceSecrets } from '@godwit/crypto';
import { packObjectKey } from '@godwit/snapshot';
import { bytesOf, textOf, type Grant } from '@godwit/wire';
import { startCoordinator, type CoordinatorOptions, type RunningCoordinator } from '../coordinator.ts';
import { TestClient, type Front } from './client.ts';
import { signedManifest } from './manifest.ts';
import { newDatabaseUrl } from './shared-cluster.ts';
import { newStageBucket, stageObjects, type StageObjects } from './stage-objects.ts';

export interface Stage extends AsyncDisposable {
  readonly coordinator: RunningCoordinator;
  readonly dataDirectory: string;
  readonly objects: StageObjects;
}

/** A coordinator in this process with a folder of its own, gone at the end. `private`: with a PostgreSQL of its own too, else a database in the shared one. */
export async function raiseStage(options: Partial<CoordinatorOptions> = {}, database: 'shared' | 'private' = 'shared'): Promise<Stage> {
  const folder = mkdtempSync('/tmp/godwit-api-');
  chmodSync(folder, 0o711); // PostgreSQL's user passes through when the tests run as root
  const dataDirectory = join(folder, 'data');
  const generous = { burst: 10_000, perSecond: 10_000 };
  const s3 = newStageBucket();
  const coordinator = await startCoordinator({
    dataDirectory,
    s3,
    listen: { host: '127.0.0.1', port: 0 },
    log: testLog(),
    databaseUrl: database === 'shared' ? await newDatabaseUrl() : undefined,
    rates: { perAddress: generous, inTotal: generous },
    ...options,
  });
  return {
    coordinator,
    dataDirectory,
    objects: stageObjects(dataDirectory, s3),
    async [Symbol.asyncDispose]() {
      await coordinator.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Silent but for defects, which no test expects. */
function testLog(): Log {
  const log: Log = { ...silentLog, error: (event, fields) => process.stderr.write(`coordinator: ${event} ${JSON.stringify(fields?.['error'] ?? '')}\n`), with: () => log };
  return log;
}

/** A person with an account and one machine. */
export interface Person {
  readonly accountId: AccountId;
  readonly client: TestClient;
  readonly recovery: DeviceSecrets;
  readonly genesis: Buffer;
}

export async function enrol(coordinator: Front, name = 'laptop-a'): Promise<Person> {
  const recovery = recoveryFromWords(createRecovery(systemRandom).words.join(' '));
  const device = createDevice(systemRandom);
  const genesis = signGenesis({ recovery, accountKey: newAccountKey(systemRandom), device, name, createdMs: Date.now() });
  const client = new TestClient(coordinator, device);
  const grant = (recipient: string): { recipient: string; generation: number; bytes: string } => ({ recipient, generation: 1, bytes: textOf(systemRandom(200)) });
  const { accountId } = await client.ask('createAccount', { body: { genesis: textOf(genesis), grants: [grant(device.hostId), grant(recovery.hostId)] } });
  await client.look();
  return { accountId, client, recovery, genesis };
}

export async function chainOf(client: TestClient): Promise<ChainState> {
  const { entries } = await client.ask('readChain', { query: {} });
  return replayChain(entries.map(bytesOf));
}

/** Grants of the next account key for whoever stays, as a revocation has to bring them; the coordinator cannot open them, so they hold nothing here. */
export function grantsAfter(state: ChainState, revoked: HostId): Grant[] {
  const devices = [...state.devices.values()].filter(({ device, revokedAt }) => revokedAt === undefined && device.hostId !== revoked);
  return [state.recovery, ...devices.map(({ device }) => device)].map(({ hostId }) => ({ recipient: hostId, generation: state.generation + 1, bytes: textOf(systemRandom(200)) }));
}

/** `lost` is no host of the person's account any more. */
export async function revokeHost(person: Person, lost: TestClient): Promise<void> {
  const state = await chainOf(person.client);
  const entry = signRevoke(state, { subject: lost.device.hostId, accountKey: newAccountKey(systemRandom), signer: person.client.device, createdMs: 1 });
  await person.client.ask('appendChain', { body: { expectedLength: state.length, entry: textOf(entry), grants: grantsAfter(state, lost.device.hostId) } });
}

/** Another machine of the same person, added without the ceremony of codes. */
export async function addHost(person: Person, coordinator: Front, name: string): Promise<TestClient> {
  const device = createDevice(systemRandom);
  const state = await chainOf(person.client);
  const entry = signAdd(state, { device, name, signer: person.client.device, createdMs: Date.now() });
  await person.client.ask('appendChain', { body: { expectedLength: state.length, entry: textOf(entry), grants: [{ recipient: device.hostId, generation: 1, bytes: textOf(systemRandom(200)) }] } });
  const client = new TestClient(coordinator, device);
  await client.look();
  return client;
}

export async function createDesktop(client: TestClient, name = `desktop-${systemRandom(4).toString('hex')}`): Promise<DesktopId> {
  const desktopId = newId<DesktopId>(systemRandom);
  await client.ask('createDesktop', { body: { desktopId, name, wrappedKey: { generation: 1, bytes: textOf(systemRandom(82)) } } });
  return desktopId;
}

export interface UploadedPack {
  readonly desktopId: DesktopId;
  readonly packId: PackId;
  readonly epoch: number;
  readonly hostId: DeviceSecrets['hostId'];
  readonly lengthBytes: number;
  readonly digest: Buffer;
  readonly key: string;
}

/** Stores a pack of random bytes as its desktop's holder does: a URL, then a PUT. */
export async function uploadPack(client: TestClient, coordinator: Pick<Front, 'url'>, desktopId: DesktopId, epoch: number, lengthBytes = 5000): Promise<UploadedPack> {
  const bytes = systemRandom(lengthBytes);
  const { hostId } = client.device;
  const packId = newId<PackId>(systemRandom);
  const key = packObjectKey({ desktopId, epoch, hostId, packId });
  const digest = sha256(bytes);
  const { urls } = await client.ask('mintUrls', { params: { desktopId }, body: { operation: 'put', epoch, objects: [{ key, lengthBytes, sha256: textOf(digest) }] } });
  const response = await fetch(new URL(urls[0]!.url, coordinator.url), { method: 'PUT', headers: urls[0]!.headers, body: bytes });
  if (!response.ok) throw new Error(`PUT answered ${response.status}: ${await response.text()}`);
  return { desktopId, packId, epoch, hostId, lengthBytes, digest, key };
}

export interface Draft {
  readonly desktopId: DesktopId;
  readonly epoch: number;
  readonly sequence: number;
  readonly parent?: { readonly digest: string; readonly commitId: CommitId; readonly epoch: number; readonly sequence: number };
  /** Instead of a parent: the checkpoint of another desktop, by the same host. */
  readonly forkedFrom?: NonNullable<Draft['parent']> & { readonly desktopId: DesktopId };
  readonly packs: readonly UploadedPack[];
  readonly release?: boolean;
}

/** The body of a commit of a well-formed, signed manifest, with a witness of the head that the client saw last. */
export function commitOf(client: TestClient, draft: Draft) {
  const commitId = newId<CommitId>(systemRandom);
  const manifest = signedManifest(client.device, commitId, draft);
  return { commitId, epoch: draft.epoch, manifest: textOf(manifest), release: draft.release ?? false, witness: textOf(signWitness(sha256(manifest), client.seen, client.device)) };
}
