import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '@godwit/base';
import { planCompaction } from './prune-compact.ts';
import { defineRegion, type Region } from './region.ts';
import { planRenewal } from './renewal.ts';
import { fixture, noContract, noStats, readAllPages, type Fixture } from './testing/fixture.ts';

const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 6000 * 4096 });
const disk = defineRegion({ id: 2, kind: 'disk', name: 'disk0', lengthBytes: 8 * 65_536 });
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

async function put(writer: ReturnType<Fixture['writer']>, region: Region, pages: readonly number[]): Promise<void> {
  await writer.putPages(region.id, Uint32Array.from(pages), systemRandom(pages.length * region.pageBytes));
}

test('what is written anew leaves the packs that were mostly dead, and the guest as it was', async () => {
  const fixed = await fixture('renewal');
  const first = fixed.writer([ram, disk]);
  await put(first, ram, range(0, 5500));
  const one = await fixed.open((await first.finish({ contract: noContract, sequence: 1, stats: noStats })).manifest);
  const second = fixed.writer([ram, disk], { parent: one });
  // Of the first pack nearly all is replaced, of the second most, of the third a little.
  await put(second, ram, [...range(0, 1900), ...range(2048, 3300), ...range(4200, 4300)]);
  await put(second, disk, range(0, 4));
  const two = await fixed.open((await second.finish({ contract: noContract, sequence: 2, stats: noStats })).manifest);

  const dying = (await planCompaction(two)).packIds;
  ok(dying.size >= 2, `${dying.size} packs`);
  const plan = await planRenewal(two, 10_000);
  const pages = plan.get(ram.id)!;
  ok(pages.every((page) => (page >= 1900 && page < 2048) || (page >= 3300 && page < 5500)), 'only pages that stayed where they were');

  const third = fixed.writer(two.regions, { parent: two });
  const held = await readAllPages(two, ram.id);
  await third.putPages(ram.id, pages, Buffer.concat([...pages].map((page) => held.get(page)!)));
  const three = await fixed.open((await third.finish({ contract: noContract, sequence: 3, stats: noStats })).manifest);
  for (const { packId } of three.manifest.public.packs) ok(!dying.has(packId));
  deepEqual(await readAllPages(three, ram.id), held);
});

test('takes whole packs, the deadest first, within its bound', async () => {
  const fixed = await fixture('bound');
  const first = fixed.writer([ram]);
  await put(first, ram, range(0, 5500));
  const one = await fixed.open((await first.finish({ contract: noContract, sequence: 1, stats: noStats })).manifest);
  const second = fixed.writer([ram], { parent: one });
  await put(second, ram, [...range(0, 1900), ...range(2048, 3300)]);
  const two = await fixed.open((await second.finish({ contract: noContract, sequence: 2, stats: noStats })).manifest);
  const all = (await planRenewal(two, 10_000)).get(ram.id)!;
  const some = (await planRenewal(two, all.length - 1)).get(ram.id)!;
  ok(some.length > 0 && some.length < all.length, `${some.length} of ${all.length}`);
  equal((await planRenewal(two, some.length - 1)).size, 0);
  equal((await planRenewal(one, 10_000)).size, 0, 'nothing is dead in a first checkpoint');
});
