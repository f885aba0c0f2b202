import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CheckpointReader } from './checkpoint-reader.ts';
import { defineRegion, pageCountOf, type Region } from './region.ts';
import { fixture, noContract, noStats, readAllPages, type Fixture } from './testing/fixture.ts';

const page = (region: Region, fill: number): Buffer => {
  // Half of it repeats and half does not, as in a guest.
  const bytes = Buffer.alloc(region.pageBytes, fill & 0xff);
  for (let at = 0; at < 64; at += 4) bytes.writeUInt32LE((fill * 2654435761 + at * 40503) >>> 0, at);
  bytes[0] = 1;
  return bytes;
};

/** What a checkpoint must hold: per region, the bytes of its pages that are not zero. */
type Model = Map<number, Map<number, Buffer>>;

interface Write {
  readonly region: number;
  readonly first: number;
  readonly count: number;
  readonly fill: number;
  readonly zero: boolean;
}

async function checkAgainst(reader: CheckpointReader, model: Model): Promise<void> {
  for (const region of reader.regions) {
    const pages = await readAllPages(reader, region.id);
    const expected = model.get(region.id) ?? new Map<number, Buffer>();
    assert.deepEqual([...pages.keys()].sort((a, b) => a - b), [...expected.keys()].sort((a, b) => a - b), `pages of region ${region.id}`);
    for (const [number, bytes] of expected) assert.ok(pages.get(number)!.equals(bytes), `page ${number} of region ${region.id}`);
  }
}

async function checkpoint(desktop: Fixture, regions: readonly Region[], model: Model, writes: readonly Write[], sequence: number, parent?: CheckpointReader): Promise<CheckpointReader> {
  const writer = desktop.writer(regions, { epoch: sequence, ...(parent === undefined ? {} : { parent }) });
  for (const { region: index, first, count, fill, zero } of writes) {
    const region = regions[index % regions.length]!;
    const pageCount = pageCountOf(region);
    if (pageCount === 0) continue;
    const numbers = [...new Set(Array.from({ length: count }, (_, at) => (first + at * 3) % pageCount))];
    const bodies = numbers.map((number) => page(region, fill + number));
    const inside = region.lengthBytes % region.pageBytes;
    numbers.forEach((number, at) => {
      if (number === pageCount - 1 && inside !== 0) bodies[at]!.fill(0, inside);
      if (zero) model.get(region.id)!.delete(number);
      else model.get(region.id)!.set(number, Buffer.from(bodies[at]!));
    });
    if (zero) writer.putZero(region.id, Uint32Array.from(numbers));
    else await writer.putPages(region.id, Uint32Array.from(numbers), Buffer.concat(bodies));
  }
  const { manifest } = await writer.finish({ contract: noContract, sequence, stats: noStats });
  return await desktop.open(manifest);
}

const writeArbitrary: fc.Arbitrary<Write> = fc.record({ region: fc.nat(2), first: fc.nat(3000), count: fc.integer({ min: 1, max: 150 }), fill: fc.nat(1 << 20), zero: fc.boolean() });

test('every page of every checkpoint of a line is what a simple model says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(writeArbitrary, { maxLength: 8 }), { minLength: 1, maxLength: 4 }), fc.nat(2100), fc.nat(4095), async (generations, ramPages, short) => {
      const desktop = await fixture();
      const regions = [
        defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: ramPages * 4096 }),
        defineRegion({ id: 16, kind: 'disk', name: 'vda', lengthBytes: 20 * 65536 + 512 }),
        defineRegion({ id: 40, kind: 'device', name: 'device', lengthBytes: 70 * 4096 + short }),
      ];
      const model: Model = new Map(regions.map((region) => [region.id, new Map<number, Buffer>()]));
      const line: { reader: CheckpointReader; model: Model }[] = [];
      for (const [index, writes] of generations.entries()) {
        const reader = await checkpoint(desktop, regions, model, writes, index + 1, line.at(-1)?.reader);
        line.push({ reader, model: new Map([...model].map(([id, pages]) => [id, new Map(pages)])) });
      }
      for (const { reader, model: then } of line) await checkAgainst(reader, then);
    }),
    { numRuns: 25 },
  );
});

test('regions and batches at the sizes where something begins or ends', async () => {
  for (const pages of [0, 1, 63, 64, 65, 1023, 1024, 1025]) {
    for (const shortBytes of [0, 1, 4095]) {
      const desktop = await fixture();
      const region = defineRegion({ id: 3, kind: 'firmware', name: 'vars', lengthBytes: Math.max(0, pages * 4096 - shortBytes) });
      const content = Buffer.alloc(region.lengthBytes);
      for (let at = 0; at < content.length; at += 512) content[at] = 1 + ((at / 512) % 251);
      const padded = Buffer.concat([content, Buffer.alloc(pages * 4096 - content.length, 0xee)]);
      const writer = desktop.writer([region]);
      await writer.putPages(3, Uint32Array.from(Array(pages).keys()), padded);
      const { manifest, stats } = await writer.finish({ contract: noContract, sequence: 1, stats: noStats });
      assert.equal(stats.frames, Math.ceil(pages / 64), `${pages} pages`);
      const reader = await desktop.open(manifest);
      assert.ok((await reader.readRegion(3)).equals(content), `${pages} pages, ${shortBytes} short`);
    }
  }
});

test('zero pages cost no payload, whether they are named or found', async () => {
  const desktop = await fixture();
  const region = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 4096 * 4096 });
  const writer = desktop.writer([region]);
  writer.putZero(1, Uint32Array.from(Array(2048).keys()));
  await writer.putPages(1, Uint32Array.from([...Array(2048).keys()].map((at) => at + 2048)), Buffer.alloc(2048 * 4096));
  const { stats } = await writer.finish({ contract: noContract, sequence: 1, stats: noStats });
  assert.deepEqual([stats.frames, stats.leavesWritten, stats.packs, stats.pagesZero, stats.pagesWritten], [0, 0, 1, 4096, 0]);
  assert.ok(stats.bytesUploaded < 300, `${stats.bytesUploaded} bytes`);
});

test('leaves that did not change are shared with the parent, and only packs that are needed are listed', async () => {
  const desktop = await fixture();
  const region = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 4096 * 4096 });
  const all = Uint32Array.from(Array(4096).keys());
  const fill = async (numbers: Uint32Array, value: number, sequence: number, parent?: CheckpointReader) => {
    const writer = desktop.writer([region], parent === undefined ? {} : { parent });
    await writer.putPages(1, numbers, Buffer.concat([...numbers].map((number) => page(region, number + value))));
    const finished = await writer.finish({ contract: noContract, sequence, stats: noStats });
    return { ...finished, reader: await desktop.open(finished.manifest) };
  };
  const first = await fill(all, 0, 1);
  const second = await fill(Uint32Array.of(1500), 7, 2, first.reader);
  assert.deepEqual([second.stats.leavesWritten, second.stats.leavesShared, second.stats.frames], [1, 3, 1]);
  assert.deepEqual(second.reader.root.regions[0]!.leaves[0], first.reader.root.regions[0]!.leaves[0]);
  assert.notDeepEqual(second.reader.root.regions[0]!.leaves[1], first.reader.root.regions[0]!.leaves[1]);
  assert.equal(second.reader.manifest.public.packs.length, 2);
  const third = await fill(all, 9, 3, second.reader);
  assert.equal(third.reader.manifest.public.packs.length, 1, 'packs that nothing lives in any more are not listed');
  assert.deepEqual(third.reader.manifest.public.parent?.digest, second.digest);
});

test('a checkpoint is opened with one request, all its leaves come with one more, neighbouring frames share theirs', async () => {
  const desktop = await fixture();
  const region = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 16 * 1024 * 4096 });
  const writer = desktop.writer([region]);
  for (let first = 0; first < 16 * 1024; first += 512) {
    await writer.putPages(1, Uint32Array.from({ length: 64 }, (_, at) => first + at), Buffer.concat(Array.from({ length: 64 }, (_, at) => page(region, first + at))));
  }
  const { manifest } = await writer.finish({ contract: noContract, sequence: 1, stats: noStats });
  const gets: number[] = [];
  const counting = { ...desktop.store, get: async (key: string, range?: { offsetBytes: number; lengthBytes: number }) => (gets.push(range?.lengthBytes ?? 0), await desktop.store.get(key, range)) };
  const reader = await desktop.open(manifest, counting);
  assert.equal(gets.length, 1);
  await reader.loadLeaves();
  assert.equal(gets.length, 2);
  const leaves = await Promise.all(Array.from({ length: 16 }, async (_, leafIndex) => await reader.leaf(1, leafIndex)));
  assert.equal(gets.length, 2, 'leaves come from the cache');
  const frames = leaves.flatMap((leaf) => leaf.frames);
  let seen = 0;
  for await (const frame of reader.readFrames(frames)) seen += frame.pages.length;
  assert.equal(seen, 32 * 64);
  assert.equal(gets.length, 3);
  const cold = await desktop.open(manifest, counting);
  gets.length = 0;
  const [one, two] = await Promise.all([cold.leaf(1, 3), cold.leaf(1, 3)]);
  assert.equal(one, two);
  assert.equal(gets.length, 1, 'two who want one leaf share its request');
});
