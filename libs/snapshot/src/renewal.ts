import type { PackId } from '@godwit/base';
import type { CheckpointReader } from './checkpoint-reader.ts';
import { leafPages } from './limits.ts';
import { mostlyDead, planCompaction } from './prune-compact.ts';
import { leafCountOf } from './region.ts';

/** What one pack holds of a checkpoint: its pages of memory by region, and whether it holds anything else that is live. */
interface PackPages {
  readonly ram: Map<number, number[]>;
  count: number;
  heldByOthers: boolean;
}

/**
 * Of a desktop that runs: the pages of memory, by region, that keep mostly dead packs alive. Written anew by the next checkpoint, from the guest and not from
 * the store, they leave these packs to prune. Packs with the fewest such pages first, each whole or not at all, at most `pagesMax` pages; none that
 * holds live pages of anything else, for those would keep it. Reads the page table, no pages. Unlike `compact` this takes nobody's lease and fetches nothing but the table.
 */
export async function planRenewal(reader: CheckpointReader, pagesMax: number, below = mostlyDead): Promise<ReadonlyMap<number, Uint32Array>> {
  await reader.loadLeaves();
  const { packIds } = await planCompaction(reader, below);
  const packs = new Map<PackId, PackPages>();
  if (packIds.size > 0) for (const { id } of reader.regions) await gather(reader, id, packIds, packs);
  const chosen = new Map<number, number[]>();
  let room = pagesMax;
  for (const { ram, count } of [...packs.values()].filter(({ heldByOthers }) => !heldByOthers).sort((a, b) => a.count - b.count)) {
    if (count > room) break;
    room -= count;
    for (const [regionId, pages] of ram) chosen.set(regionId, [...(chosen.get(regionId) ?? []), ...pages]);
  }
  return new Map([...chosen].map(([regionId, pages]) => [regionId, Uint32Array.from(pages)]));
}

async function gather(reader: CheckpointReader, regionId: number, dying: ReadonlySet<PackId>, packs: Map<PackId, PackPages>): Promise<void> {
  const region = reader.region(regionId);
  for (let leafIndex = 0; leafIndex < leafCountOf(region); leafIndex += 1) {
    const { frames, references } = await reader.leaf(regionId, leafIndex);
    for (const [at, reference] of references.entries()) {
      if (reference === 0) continue;
      const { packId } = frames[reference - 1]!;
      if (!dying.has(packId)) continue;
      const found = packs.get(packId) ?? { ram: new Map<number, number[]>(), count: 0, heldByOthers: false };
      packs.set(packId, found);
      found.count += 1;
      if (region.kind !== 'ram') found.heldByOthers = true;
      const pages = found.ram.get(regionId);
      if (pages === undefined) found.ram.set(regionId, [leafIndex * leafPages + at]);
      else pages.push(leafIndex * leafPages + at);
    }
  }
}
