import { createHash } from 'node:crypto';
import { systemClock, type DesktopId, type Random } from '@godwit/base';
import { createDevice, cryptoReady, Secret, type DeviceSecrets } from '@godwit/crypto';
import { CheckpointReader, CheckpointWriter, defineRegion, desktopKeys, memoryStore, type CheckpointWriterOptions, type DesktopKeys, type MemoryStore, type Region } from '@godwit/snapshot';

/** One checkpoint of a repository, with all that it must give back. */
export interface Checkpoint {
  readonly key: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly keys: DesktopKeys;
  readonly contract: Buffer;
  /** Per region, its pages that are not zero. */
  readonly pages: ReadonlyMap<number, ReadonlyMap<number, Buffer>>;
}

export interface Repository {
  readonly store: MemoryStore;
  /** Oldest first; the last of each line is its head. */
  readonly lines: readonly (readonly Checkpoint[])[];
  readonly devices: readonly DeviceSecrets[];
}

/** Bytes that follow from `seed` alone. */
export function seededRandom(seed: string): Random {
  let counter = 0;
  return (lengthBytes) => {
    const blocks: Buffer[] = [];
    for (let filled = 0; filled < lengthBytes; filled += 64) blocks.push(createHash('sha512').update(`${seed}/${counter++}`).digest());
    return Buffer.concat(blocks).subarray(0, lengthBytes);
  };
}

const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 70 * 4096 });
const disk = defineRegion({ id: 16, kind: 'disk', name: 'vda', lengthBytes: 3 * 65536 });
const device = defineRegion({ id: 40, kind: 'device', name: 'device', lengthBytes: 5000 });
const regions: readonly Region[] = [ram, disk, device];

interface Step {
  readonly options: Omit<CheckpointWriterOptions, 'store' | 'random' | 'clock' | 'chain' | 'regions' | 'parent' | 'forkedFrom'>;
  readonly sequence: number;
  readonly before?: Checkpoint;
  /** Region, page, and the byte that fills it; 0 makes it zero. */
  readonly writes: readonly (readonly [region: Region, page: number, fill: number])[];
}

/**
 * A few KiB that hold everything the format has: two hosts, two epochs and key generations, shared leaves, pages that were written
 * over, RAM, disk and device state, and a fork of the second checkpoint with a checkpoint of its own.
 */
export async function smallRepository(seed: string): Promise<Repository> {
  await cryptoReady();
  const random = seededRandom(`${seed}/repository`);
  const build = new Build(random);
  const [one, two] = [createDevice(random), createDevice(random)];
  const generations = new Map([1, 2].map((generation) => [generation, new Secret(Buffer.from(random(32)))]));
  const [desktopId, forkId] = [random(16).toString('hex') as DesktopId, random(16).toString('hex') as DesktopId];
  const keys = desktopKeys(desktopId, generations);
  const forkKeys = desktopKeys(forkId, new Map([[2, new Secret(Buffer.from(random(32)))]]), new Map([[desktopId, generations]]));
  const first = await build.checkpoint({ options: { keys, epoch: 1, keyGeneration: 1, signer: one }, sequence: 1, writes: [[ram, 0, 1], [ram, 2, 2], [ram, 69, 3], [disk, 0, 4], [disk, 2, 5], [device, 0, 6], [device, 1, 7]] });
  const second = await build.checkpoint({ options: { keys, epoch: 1, keyGeneration: 1, signer: one }, sequence: 2, before: first, writes: [[ram, 0, 11], [ram, 3, 12], [ram, 69, 13], [disk, 0, 14], [disk, 1, 15], [device, 0, 16], [device, 1, 17]] });
  const third = await build.checkpoint({ options: { keys, epoch: 2, keyGeneration: 2, signer: two }, sequence: 3, before: second, writes: [[ram, 0, 21], [ram, 2, 0], [disk, 2, 25], [device, 0, 26]] });
  const forked = await build.checkpoint({ options: { keys: forkKeys, epoch: 1, keyGeneration: 2, signer: two }, sequence: 1, before: second, writes: [[ram, 1, 31]] });
  const onward = await build.checkpoint({ options: { keys: forkKeys, epoch: 2, keyGeneration: 2, signer: one }, sequence: 2, before: forked, writes: [[ram, 1, 41], [disk, 1, 42], [device, 1, 43]] });
  return { store: build.store, lines: [[first, second, third], [first, second, forked, onward]], devices: [one, two] };
}

/** `lengthBytes` of RAM that no compressor makes smaller, in one checkpoint of one host. */
export async function largeRepository(seed: string, lengthBytes: number): Promise<Repository> {
  await cryptoReady();
  const random = seededRandom(`${seed}/large`);
  const build = new Build(random);
  const signer = createDevice(random);
  const keys = desktopKeys(random(16).toString('hex') as DesktopId, new Map([[1, new Secret(Buffer.from(random(32)))]]));
  const region = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes });
  const checkpoint = await build.large({ keys, epoch: 1, keyGeneration: 1, signer }, region);
  return { store: build.store, lines: [[checkpoint]], devices: [signer] };
}

class Build {
  readonly store = memoryStore();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  async checkpoint({ options, sequence, before, writes }: Step): Promise<Checkpoint> {
    const base = before === undefined ? undefined : await this.#open(before, options.signer);
    const link = base === undefined ? {} : before?.keys === options.keys ? { parent: base } : { forkedFrom: base };
    const writer = this.#writer(options, regions, link);
    const pages = new Map(regions.map(({ id }) => [id, new Map(before?.pages.get(id))]));
    for (const [region, page, fill] of writes) {
      const bytes = Buffer.alloc(region.pageBytes, fill);
      // Beyond the end of a region everything is zero.
      bytes.fill(0, Math.min(region.pageBytes, region.lengthBytes - page * region.pageBytes));
      if (fill === 0) writer.putZero(region.id, Uint32Array.of(page));
      else await writer.putPages(region.id, Uint32Array.of(page), Buffer.from(bytes));
      if (fill === 0) pages.get(region.id)!.delete(page);
      else pages.get(region.id)!.set(page, bytes);
    }
    return await this.#finish(writer, options, sequence, pages);
  }

  async large(options: Step['options'], region: Region): Promise<Checkpoint> {
    const writer = this.#writer(options, [region], {});
    const batchPages = 1024;
    for (let page = 0; page * region.pageBytes < region.lengthBytes; page += batchPages) {
      const batch = Uint32Array.from({ length: batchPages }, (_, at) => page + at);
      await writer.putPages(region.id, batch, this.#random(batchPages * region.pageBytes));
    }
    return await this.#finish(writer, options, 1, new Map());
  }

  async #finish(writer: CheckpointWriter, { keys, epoch }: Step['options'], sequence: number, pages: Checkpoint['pages']): Promise<Checkpoint> {
    const contract = Buffer.from(`contract of checkpoint ${sequence}`);
    const { key } = await writer.finish({ contract, sequence, stats: { bytesScanned: 0, pauseMs: 0 } });
    return { key, epoch, sequence, keys, contract, pages };
  }

  #writer(options: Step['options'], written: readonly Region[], link: Pick<CheckpointWriterOptions, 'parent' | 'forkedFrom'>): CheckpointWriter {
    const chain = { length: 2, headHash: Buffer.alloc(32, 7) };
    return new CheckpointWriter({ ...options, ...link, store: this.store, random: this.#random, clock: { ...systemClock, wallMs: () => 1_750_000_000_000 }, chain, regions: written });
  }

  /** The signer of every checkpoint that is a base here was the first device, or is asked to open its own. */
  async #open({ key, keys }: Checkpoint, fallback: DeviceSecrets): Promise<CheckpointReader> {
    const manifest = this.store.objects.get(key)!;
    for (const signer of this.#signers.add(fallback)) {
      const reader = await CheckpointReader.open({ store: this.store, keys, manifest, signerPublic: signer.signPublic }).catch(() => undefined); // Not this signer's, or damaged: the next one is tried.
      if (reader !== undefined) return reader;
    }
    throw new Error(`nobody here signed ${key}`);
  }

  readonly #signers = new Set<DeviceSecrets>();
}
