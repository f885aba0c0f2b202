import { createHash } from 'node:crypto';
import { systemClock, type Clock, type DesktopId, type Random } from '@godwit/base';
import { createDevice, cryptoReady, Secret, type DeviceSecrets } from '@godwit/crypto';
import { CheckpointReader } from '../checkpoint-reader.ts';
import { CheckpointWriter, type CheckpointWriterOptions } from '../checkpoint-writer.ts';
import { desktopKeys, type DesktopKeys } from '../keys.ts';
import type { Region } from '../region.ts';
import { memoryStore } from '../store/memory-store.ts';
import type { ObjectStore } from '../store/object-store.ts';

/** Bytes that follow from `seed` alone: SHA-256 in counter mode. */
export function seededRandom(seed: string): Random {
  let counter = 0;
  return (lengthBytes) => {
    const blocks: Buffer[] = [];
    for (let filled = 0; filled < lengthBytes; filled += 32) blocks.push(createHash('sha256').update(`${seed}/${counter++}`).digest());
    return Buffer.concat(blocks).subarray(0, lengthBytes);
  };
}

export interface Fixture {
  readonly store: ReturnType<typeof memoryStore>;
  readonly keys: DesktopKeys;
  readonly signer: DeviceSecrets;
  readonly random: Random;
  readonly clock: Clock;
  writer(regions: readonly Region[], options?: Partial<CheckpointWriterOptions>): CheckpointWriter;
  open(manifest: Buffer, store?: ObjectStore): Promise<CheckpointReader>;
}

/** One desktop with fixed keys, a device, and a store in memory. */
export async function fixture(seed = 'fixture'): Promise<Fixture> {
  await cryptoReady();
  const random = seededRandom(seed);
  const desktopId = random(16).toString('hex') as DesktopId;
  const keys = desktopKeys(desktopId, new Map([1, 2].map((generation) => [generation, new Secret(Buffer.from(random(32)))])));
  const signer = createDevice(random);
  const store = memoryStore();
  const clock = { ...systemClock, wallMs: () => 1_750_000_000_000 };
  return {
    store,
    keys,
    signer,
    random,
    clock,
    writer: (regions, options = {}) =>
      new CheckpointWriter({ store, keys, epoch: 1, keyGeneration: 1, signer, chain: { length: 1, headHash: Buffer.alloc(32, 7) }, regions, random, clock, ...options }),
    open: async (manifest, other = store) => await CheckpointReader.open({ store: other, keys, manifest, signerPublic: signer.signPublic }),
  };
}

export const noContract = Buffer.from('{}');
export const noStats = { bytesScanned: 0, pauseMs: 0 };

/** Every page of a region as the checkpoint has it, by frames; a zero page is absent. */
export async function readAllPages(reader: CheckpointReader, regionId: number): Promise<Map<number, Buffer>> {
  await reader.loadLeaves(regionId);
  const pages = new Map<number, Buffer>();
  const leafCount = reader.root.regions.find((region) => region.regionId === regionId)?.leaves.length ?? 0;
  const frames = [];
  for (let leafIndex = 0; leafIndex < leafCount; leafIndex += 1) frames.push(...(await reader.leaf(regionId, leafIndex)).frames);
  for await (const frame of reader.readFrames(frames)) {
    const pageBytes = frame.bytes.length / frame.pages.length;
    for (const slot of await reader.livePages(frame)) pages.set(frame.pages[slot]!, frame.bytes.subarray(slot * pageBytes, (slot + 1) * pageBytes));
  }
  return pages;
}
