import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { newId, systemRandom, type CommitId, type DesktopId } from '@godwit/base';
import { Secret } from '@godwit/crypto';
import { CheckpointReader } from './checkpoint-reader.ts';
import { forkManifest } from './fork.ts';
import { desktopKeys } from './keys.ts';
import { packKeyOf } from './manifest.ts';
import { compact, planCompaction } from './prune-compact.ts';
import { defineRegion, type Region } from './region.ts';
import { fixture, noContract, noStats, readAllPages, type Fixture } from './testing/fixture.ts';
import { verifyDesktop } from './verify.ts';

const pageBytes = 4096;
const ram = defineRegion({ id: 1, kind: 'ram', name: 'pc.ram', lengthBytes: 3000 * pageBytes });
const disk = defineRegion({ id: 2, kind: 'disk', name: 'disk0', lengthBytes: 40 * 65_536 });

async function put(writer: ReturnType<Fixture['writer']>, region: Region, pages: readonly number[]): Promise<void> {
  const list = Uint32Array.from(pages);
  await writer.putPages(region.id, list, systemRandom(list.length * region.pageBytes));
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

/** A checkpoint, and a second one that replaces most of its pages: the first one's packs are mostly dead for it. */
async function twoCheckpoints(seed: string): Promise<{ fixed: Fixture; head: CheckpointReader }> {
  const fixed = await fixture(seed);
  const first = fixed.writer([ram, disk]);
  await put(first, ram, range(0, 2500));
  await put(first, disk, range(0, 40));
  const one = await first.finish({ contract: noContract, sequence: 1, stats: noStats });
  const second = fixed.writer([ram, disk], { parent: await fixed.open(one.manifest) });
  await put(second, ram, range(0, 2300));
  await put(second, disk, range(5, 40));
  const two = await second.finish({ contract: noContract, sequence: 2, stats: noStats });
  return { fixed, head: await fixed.open(two.manifest) };
}

test('compaction keeps every byte and needs none of the packs that were mostly dead', async () => {
  const { fixed, head } = await twoCheckpoints('compact');
  const plan = await planCompaction(head);
  ok(plan.packIds.size > 0 && plan.liveBytes < plan.bytes / 2, `${plan.packIds.size} packs, ${plan.liveBytes} of ${plan.bytes} bytes`);
  const writer = fixed.writer(head.regions, { parent: head });
  const copied = await compact(head, plan, writer);
  ok(copied > 0);
  const finished = await writer.finish({ contract: head.contract, sequence: 3, stats: noStats });
  const after = await fixed.open(finished.manifest);
  for (const { id } of head.regions) deepEqual(await readAllPages(after, id), await readAllPages(head, id));
  for (const { packId } of after.manifest.public.packs) ok(!plan.packIds.has(packId));
  for (const pack of head.manifest.public.packs) if (plan.packIds.has(pack.packId)) await fixed.store.delete(packKeyOf(pack));
  const report = await verifyDesktop({ store: fixed.store, keys: fixed.keys, head: finished.manifest, data: true, checkpoints: 1, signerPublicOf: () => fixed.signer.signPublic });
  deepEqual([report.ok, report.missing], [true, []]);
  equal((await planCompaction(after)).packIds.size, 0, 'nothing is left to compact');
});

test('a leaf that lies in a dying pack while its pages do not is written anew', async () => {
  const fixed = await fixture('leaf');
  const first = fixed.writer([ram]);
  await put(first, ram, range(0, 2500));
  const one = await fixed.open((await first.finish({ contract: noContract, sequence: 1, stats: noStats })).manifest);
  const [leaf] = one.root.regions[0]!.leaves;
  const pagesElsewhere = !leaf!.packIds.includes(leaf!.location.packId);
  const plan = { packIds: new Set([leaf!.location.packId]), bytes: 0, liveBytes: 0 };
  const writer = fixed.writer(one.regions, { parent: one });
  await compact(one, plan, writer);
  const after = await fixed.open((await writer.finish({ contract: one.contract, sequence: 2, stats: noStats })).manifest);
  ok(pagesElsewhere, 'the leaves lie in another pack than the first pages');
  ok(after.manifest.public.packs.every(({ packId }) => !plan.packIds.has(packId)));
  deepEqual(await readAllPages(after, ram.id), await readAllPages(one, ram.id));
});

test('a fork has all pages and packs of its checkpoint, copies none, and its own writing is under its own key', async () => {
  const { fixed, head } = await twoCheckpoints('fork');
  const desktopId = newId<DesktopId>(systemRandom);
  const own = new Map([[1, new Secret(systemRandom(32))]]);
  const objects = fixed.store.objects.size;
  const origins = new Map([[fixed.keys.desktopId, new Map([[1, new Secret(Buffer.alloc(32))]])]]);
  const keys = desktopKeys(desktopId, own, origins);
  const both = { desktopId, keyOf: (owner: DesktopId, epoch: number, generation: number) => (owner === desktopId ? keys : fixed.keys).keyOf(owner, epoch, generation) };
  const contract = Buffer.from('{"generationId":"another"}');
  const { manifest, key } = forkManifest({ from: head.manifest, keys: both, keyGeneration: 1, contract, signer: fixed.signer, chain: { length: 1, headHash: Buffer.alloc(32) }, commitId: newId<CommitId>(systemRandom), createdMs: 1 });
  equal(fixed.store.objects.size, objects, 'nothing was written');
  await fixed.store.put(key, manifest);
  const fork = await CheckpointReader.open({ store: fixed.store, keys: both, manifest, signerPublic: fixed.signer.signPublic });
  deepEqual(fork.manifest.public.packs, head.manifest.public.packs);
  deepEqual(fork.contract, contract);
  for (const { id } of head.regions) deepEqual(await readAllPages(fork, id), await readAllPages(head, id));
  const writer = fixed.writer(fork.regions, { keys: both, parent: fork });
  await put(writer, ram, [7, 8]);
  const next = await writer.finish({ contract, sequence: 2, stats: noStats });
  const report = await verifyDesktop({ store: fixed.store, keys: both, head: next.manifest, data: true, signerPublicOf: () => fixed.signer.signPublic });
  deepEqual([report.ok, report.checkpoints, report.forkedFrom.length], [true, 4, 1]);
});
