import { Agent, request, type IncomingMessage } from 'node:http';
import { newId, systemRandom, type PackId } from '@godwit/base';
import { sha256 } from '@godwit/crypto';
import { packObjectKey } from '@godwit/snapshot';
import { textOf } from '@godwit/wire';
import type { BenchHost } from './bench-host.ts';

/**
 * Plain PUTs and GETs of a coordinator's objects, by signed URLs and nothing else: no agent, no format, no encryption. What comes out is the
 * least time that any client could take for the same bytes at the same store.
 */

export interface PlainObject {
  readonly key: string;
  readonly lengthBytes: number;
}

export interface PlainPlace {
  /** Of the coordinator. */
  readonly url: string;
  /** Whose desktop the objects are of; it has its lease in epoch 1 (bench-host.ts). */
  readonly host: BenchHost;
  /** Requests under way at once, each on a kept connection of its own. */
  readonly connections: number;
}

/** As large as the packs of a checkpoint. */
export const plainObjectBytes = 8 * 2 ** 20;
/** URLs per call, as the coordinator allows. */
const urlsMax = 64;

/** Stores `totalBytes` of random bytes as objects of {@link plainObjectBytes}, the last one perhaps shorter. `ms`: from the first request for URLs to the last answer. */
export async function plainPut(place: PlainPlace, totalBytes: number): Promise<{ readonly ms: number; readonly objects: readonly PlainObject[] }> {
  const content = systemRandom(Math.min(plainObjectBytes, totalBytes));
  const objects = Array.from({ length: Math.ceil(totalBytes / plainObjectBytes) }, (_, at) => ({ key: newKey(place.host), lengthBytes: Math.min(plainObjectBytes, totalBytes - at * plainObjectBytes) }));
  const digests = new Map([...new Set(objects.map(({ lengthBytes }) => lengthBytes))].map((lengthBytes) => [lengthBytes, textOf(sha256(content.subarray(0, lengthBytes)))]));
  const startedMs = performance.now();
  const asked = objects.map(({ key, lengthBytes }) => ({ key, lengthBytes, sha256: digests.get(lengthBytes) ?? '' }));
  const urls = await mintAll(place, asked, (some) => ({ operation: 'put' as const, epoch: 1, objects: some }));
  await eachOf(place.connections, urls, async (url, at, agent) => {
    const { lengthBytes } = objects[at]!;
    await drained(await send(url, 'PUT', { 'content-length': lengthBytes }, agent, content.subarray(0, lengthBytes)), 201);
  });
  return { ms: performance.now() - startedMs, objects };
}

/** Fetches the objects whole and drops their bytes; how long that takes, in ms, from the first request for URLs on. */
export async function plainGet(place: PlainPlace, objects: readonly PlainObject[]): Promise<number> {
  const startedMs = performance.now();
  const urls = await mintAll(place, objects, (some) => ({ operation: 'get' as const, objects: some.map(({ key }) => ({ key })) }));
  await eachOf(place.connections, urls, async (url, at, agent) => {
    const lengthBytes = await drained(await send(url, 'GET', {}, agent), 200);
    if (lengthBytes !== objects[at]!.lengthBytes) throw new Error(`${lengthBytes} bytes came of ${objects[at]!.lengthBytes}`);
  });
  return performance.now() - startedMs;
}

/** Fetches `count` ranges of `rangeBytes` at random places of the objects; the ms that each took, as they ended. URLs are minted before. */
export async function plainRanges(place: PlainPlace, objects: readonly PlainObject[], count: number, rangeBytes: number): Promise<number[]> {
  const urls = await mintAll(place, objects, (some) => ({ operation: 'get' as const, objects: some.map(({ key }) => ({ key })) }));
  const asked = Array.from({ length: count }, () => systemRandom(6).readUIntLE(0, 6));
  const took: number[] = [];
  await eachOf(place.connections, asked, async (random, _, agent) => {
    const at = random % objects.length;
    const from = random % Math.max(1, objects[at]!.lengthBytes - rangeBytes);
    const startedMs = performance.now();
    const lengthBytes = await drained(await send(urls[at]!, 'GET', { range: `bytes=${from}-${from + rangeBytes - 1}` }, agent), 206);
    took.push(performance.now() - startedMs);
    if (lengthBytes !== rangeBytes) throw new Error(`${lengthBytes} bytes came of ${rangeBytes}`);
  });
  return took;
}

function newKey({ desktopId, device }: BenchHost): string {
  return packObjectKey({ desktopId, epoch: 1, hostId: device.hostId, packId: newId<PackId>(systemRandom) });
}

async function mintAll<Wanted>({ url, host }: PlainPlace, wanted: readonly Wanted[], bodyOf: (some: Wanted[]) => Parameters<typeof host.call<'mintUrls'>>[1]['body']): Promise<URL[]> {
  const urls: URL[] = [];
  for (let from = 0; from < wanted.length; from += urlsMax) {
    const minted = await host.call('mintUrls', { params: { desktopId: host.desktopId }, body: bodyOf(wanted.slice(from, from + urlsMax)) });
    urls.push(...minted.urls.map((one) => new URL(one.url, url)));
  }
  return urls;
}

/** Runs `act` for each item, `connections` of them at once. */
async function eachOf<Item>(connections: number, items: readonly Item[], act: (item: Item, at: number, agent: Agent) => Promise<void>): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const queue = items.entries();
  const work = async (): Promise<void> => {
    for (const [at, item] of queue) await act(item, at, agent);
  };
  try {
    await Promise.all(Array.from({ length: connections }, work));
  } finally {
    agent.destroy();
  }
}

function send(url: URL, method: string, headers: Record<string, string | number>, agent: Agent, body?: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent }, resolve);
    sent.once('error', reject);
    sent.end(body);
  });
}

/** Reads the answer to its end; how many bytes came. Any other status than `expected` is an error. */
function drained(response: IncomingMessage, expected: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let lengthBytes = 0;
    response.on('data', (piece: Buffer) => (lengthBytes += piece.length));
    response.once('error', reject);
    response.once('end', () => {
      if (response.statusCode === expected) resolve(lengthBytes);
      else reject(new Error(`the store answered ${response.statusCode}`));
    });
  });
}
