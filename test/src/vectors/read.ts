/** What the library makes of a vector: a line of text that says what was read. Throws the library's faults. */
import { parseId, type AccountId, type DesktopId, type HostId, type PackId } from '@godwit/base';
import { deviceFromSeeds, openGrant, openOfflinePolicy, replayChain, Secret, sha256, unwrapDesktopKey, verifyRequest } from '@godwit/crypto';
import { defineRegion, desktopKeys, format, locatePage, openManifest, type DesktopKeys, type ManifestPack, type Region, type RegionKind } from '@godwit/snapshot';
import { allGiven, givenOf, type Vector } from './vector.ts';

type Read = (vector: Vector, body: Buffer) => Promise<string> | string;

const readers: Readonly<Record<string, Read>> = { pack: readPack, frame: readFrame, leaf: readLeaf, root: readRoot, manifest: readManifest, chain: readChain, grant: readGrant, 'wrapped-key': readWrappedKey, request: readRequest, 'offline-policy': readOfflinePolicy };

/** `body`: the vector's bytes, by whatever way they came. */
export async function readVector(vector: Vector, body: Buffer): Promise<string> {
  const read = readers[vector.kind];
  if (read === undefined) throw new Error(`${vector.name}: nothing reads a ${vector.kind}`);
  return await read(vector, body);
}

export function keysOf(vector: Vector): DesktopKeys {
  const held = new Map<DesktopId, Map<number, Secret>>();
  for (const line of allGiven(vector, 'desktop-key')) {
    const [desktop = '', generation = '', key = ''] = line.split(' ');
    const generations = held.get(parseId(desktop)) ?? new Map<number, Secret>();
    held.set(parseId(desktop), generations.set(Number(generation), new Secret(Buffer.from(key, 'hex'))));
  }
  const desktopId = parseId<DesktopId>(givenOf(vector, 'desktop'));
  return desktopKeys(desktopId, held.get(desktopId) ?? new Map<number, Secret>(), held);
}

function packOf(vector: Vector): Omit<ManifestPack, 'lengthBytes' | 'digest'> {
  return {
    desktopId: parseId<DesktopId>(givenOf(vector, 'desktop')),
    keyGeneration: Number(givenOf(vector, 'generation')),
    epoch: Number(givenOf(vector, 'epoch')),
    hostId: parseId<HostId>(givenOf(vector, 'host')),
    packId: parseId<PackId>(givenOf(vector, 'pack')),
  };
}

function regionsOf(vector: Vector): Region[] {
  return allGiven(vector, 'region').map((line) => {
    const [id = '', kind = '', lengthBytes = ''] = line.split(' ');
    return defineRegion({ id: Number(id), kind: kind as RegionKind, name: `region ${id}`, lengthBytes: Number(lengthBytes) });
  });
}

async function readPack(vector: Vector, body: Buffer): Promise<string> {
  const keys = keysOf(vector);
  // The digest of whatever came, unless the vector is about it: it is the rules behind it that are looked at.
  const [named] = allGiven(vector, 'sha256');
  const digest = named === undefined ? sha256(body) : Buffer.from(named, 'hex');
  format.readWholePack(body, { ...packOf(vector), lengthBytes: Number(allGiven(vector, 'length')[0] ?? body.length), digest }, keys, true);
  const opened = format.readPack(body, keys);
  const plains = await Promise.all(opened.frames.map(async (entry) => {
    const plain = await format.openFrame(opened.keys.seal, opened.contextBytes, entry, entry.kind, body.subarray(entry.offsetBytes, entry.offsetBytes + entry.sealedBytes));
    return `${entry.kind} ${plain.length} ${sha256(plain).toString('hex', 0, 8)}`;
  }));
  return plains.join(', ');
}

/** The key that a vector's frame is sealed with, and its place. */
export function frameOf(vector: Vector, sealedBytes: number): { readonly key: Secret; readonly context: Buffer; readonly place: format.FramePlace; readonly kind: format.FrameKind } {
  const pack = packOf(vector);
  const context = format.encodePackContext(pack);
  const { seal: key } = format.keysOfPack(keysOf(vector), pack, context);
  const place = { frameIndex: Number(givenOf(vector, 'index')), offsetBytes: 100, sealedBytes, plainBytes: Number(givenOf(vector, 'plain')), compressed: givenOf(vector, 'compressed') === 'true' };
  return { key, context, place, kind: givenOf(vector, 'kind') as format.FrameKind };
}

async function readFrame(vector: Vector, body: Buffer): Promise<string> {
  const { key, context, place, kind } = frameOf(vector, body.length);
  const plain = await format.openFrame(key, context, place, kind, body);
  for (const region of regionsOf(vector)) format.decodePageFrame(plain, region);
  return sha256(plain).toString('hex');
}

function readLeaf(vector: Vector, body: Buffer): string {
  const [region] = regionsOf(vector);
  const leaf = format.decodeLeaf(body, region!, Number(givenOf(vector, 'leaf')));
  const places = [...leaf.references.keys()].map((at) => {
    const found = locatePage(leaf, leaf.leafIndex * 1024 + at);
    return found === undefined ? '-' : `${found.frame.packId.slice(0, 8)}/${found.frame.frameIndex}/${found.slot}`;
  });
  return places.join(' ');
}

function readRoot(vector: Vector, body: Buffer): string {
  const root = format.decodeRoot(body, regionsOf(vector));
  const regions = root.regions.map(({ regionId, leaves }) => {
    const places = leaves.map((leaf) => (leaf === undefined ? '-' : [`${leaf.location.packId.slice(0, 8)}/${leaf.location.frameIndex}`, ...leaf.packIds.map((packId) => packId.slice(0, 8))].join('+')));
    return `${regionId}: ${places.join(' ')}`;
  });
  return regions.join(', ');
}

function readManifest(vector: Vector, body: Buffer): string {
  const manifest = openManifest(body, keysOf(vector), Buffer.from(givenOf(vector, 'signer'), 'hex'));
  const { sequence, epoch, parent, forkedFrom, packs } = manifest.public;
  const name = (digest: Buffer): string => digest.toString('hex', 0, 4);
  const before = parent !== undefined ? `parent ${name(parent.digest)}` : forkedFrom !== undefined ? `fork ${name(forkedFrom.digest)}` : 'nothing';
  const { contract, regions, root } = manifest.private;
  const listed = regions.map((region) => `${region.id} ${region.kind} ${region.name} ${region.lengthBytes}`).join(' / ');
  return `sequence ${sequence}, epoch ${epoch}, before ${before}, ${packs.length} packs, ${contract.toString()}, regions ${listed}, root frame ${root.frameIndex}`;
}

function readChain(_: Vector, body: Buffer): string {
  const entries: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 4 + body.readUInt32BE(at);
    if (end > body.length) throw new RangeError('the entries of the vector do not end where they say');
    entries.push(body.subarray(at + 4, end));
    at = end;
  }
  const { accountId, length, generation, headHash, devices } = replayChain(entries);
  const names = [...devices.values()].map(({ name, revokedAt }) => (revokedAt === undefined ? name : `${name} revoked`));
  return `account ${accountId}, ${length} entries, generation ${generation}, head ${headHash.toString('hex', 0, 8)}, ${names.join(' / ')}`;
}

function readGrant(vector: Vector, body: Buffer): string {
  const chain = replayChain(allGiven(vector, 'chain-entry').map((entry) => Buffer.from(entry, 'hex')));
  const secret = (name: string): Secret => new Secret(Buffer.from(givenOf(vector, name), 'hex'));
  const device = deviceFromSeeds(secret('opener-sign-seed'), secret('opener-box-secret'));
  return openGrant(body, { device, chain, generation: Number(givenOf(vector, 'generation')) }).accountKey.bytes.toString('hex');
}

function readWrappedKey(vector: Vector, body: Buffer): string {
  const accountKey = new Secret(Buffer.from(givenOf(vector, 'account-key'), 'hex'));
  const context = { accountId: parseId<AccountId>(givenOf(vector, 'account')), accountKey, generation: Number(givenOf(vector, 'generation')), desktopId: parseId<DesktopId>(givenOf(vector, 'desktop')), keyGeneration: Number(givenOf(vector, 'key-generation')) };
  return unwrapDesktopKey(context, body).bytes.toString('hex');
}

async function readRequest(vector: Vector, body: Buffer): Promise<string> {
  const headers = Object.fromEntries(allGiven(vector, 'header').map((line) => line.split(' ') as [string, string]));
  const publicKeyOf = (hostId: HostId): Buffer | undefined => (hostId === givenOf(vector, 'known-host') ? Buffer.from(givenOf(vector, 'known'), 'hex') : undefined);
  const check = { publicKeyOf, nowMs: Number(givenOf(vector, 'now')), audience: givenOf(vector, 'audience') };
  const { hostId, nonce } = await verifyRequest(headers, givenOf(vector, 'method'), givenOf(vector, 'path'), sha256(body), check);
  return `${hostId} ${nonce.toString('hex')}`;
}

function readOfflinePolicy(vector: Vector, body: Buffer): string {
  const { mode, desktopId, hostId, signedMs } = openOfflinePolicy(body, Buffer.from(givenOf(vector, 'signer'), 'hex'));
  return `${mode}, desktop ${desktopId}, host ${hostId}, signed ${signedMs}`;
}
