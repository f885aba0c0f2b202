import { Fault, type PackId } from '@godwit/base';
import type { CheckpointReader } from './checkpoint-reader.ts';
import type { CheckpointWriter } from './checkpoint-writer.ts';
import { framePageCount, type FrameLocation, type Leaf } from './leaf.ts';
import { leafPages } from './limits.ts';
import { pageOf } from './page-frame.ts';
import { leafCountOf } from './region.ts';

/** A pack of which less than this part is live is worth copying out of: what is copied is less than what it frees. */
export const mostlyDead = 0.5;

export interface CompactionPlan {
  /** Packs that the next checkpoint shall not need. */
  readonly packIds: ReadonlySet<PackId>;
  /** Of these packs. */
  readonly bytes: number;
  /** Of these packs, still needed by the checkpoint: about what compaction writes anew. */
  readonly liveBytes: number;
}

/**
 * Which packs of a checkpoint are mostly dead for it: in their bytes, live pages count their part of their frame, leaves and the root
 * count whole. Reads the page table, no pages.
 */
export async function planCompaction(reader: CheckpointReader, below = mostlyDead): Promise<CompactionPlan> {
  const live = new Map<PackId, number>();
  const add = (packId: PackId, bytes: number): void => void live.set(packId, (live.get(packId) ?? 0) + bytes);
  const { root } = reader.manifest.private;
  add(root.packId, root.sealedBytes);
  for (const { regionId, leaves } of reader.root.regions) {
    const region = reader.region(regionId);
    for (const [leafIndex, entry] of leaves.entries()) {
      if (entry === undefined) continue;
      add(entry.location.packId, entry.location.sealedBytes);
      const leaf = await reader.leaf(regionId, leafIndex);
      const used = usesOf(leaf);
      for (const [index, frame] of leaf.frames.entries()) add(frame.packId, (frame.sealedBytes * used[index]!) / framePageCount(frame, region));
    }
  }
  const dying = reader.manifest.public.packs.filter(({ packId, lengthBytes }) => (live.get(packId) ?? 0) < lengthBytes * below);
  return {
    packIds: new Set(dying.map(({ packId }) => packId)),
    bytes: dying.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
    liveBytes: Math.round(dying.reduce((sum, { packId }) => sum + (live.get(packId) ?? 0), 0)),
  };
}

/** How many pages of the leaf lie in each of its frames. */
function usesOf(leaf: Leaf): number[] {
  const uses = Array<number>(leaf.frames.length).fill(0);
  for (const reference of leaf.references) if (reference > 0) uses[reference - 1]! += 1;
  return uses;
}

/**
 * Puts into `writer`, whose parent is `reader`, every page that keeps a pack of the plan alive: the live pages in it, and one page
 * of each leaf that lies in it, which makes the writer write that leaf anew. Content does not change. Returns the pages copied.
 */
export async function compact(reader: CheckpointReader, { packIds }: CompactionPlan, writer: CheckpointWriter): Promise<number> {
  let copied = 0;
  for (const region of reader.regions) {
    const entries = reader.root.regions.find(({ regionId }) => regionId === region.id)?.leaves ?? [];
    for (let leafIndex = 0; leafIndex < leafCountOf(region); leafIndex += 1) {
      const entry = entries[leafIndex];
      if (entry === undefined) continue;
      if (!packIds.has(entry.location.packId) && !entry.packIds.some((packId) => packIds.has(packId))) continue;
      copied += await copyLeaf(reader, await reader.leaf(region.id, leafIndex), packIds, writer);
    }
  }
  return copied;
}

async function copyLeaf(reader: CheckpointReader, leaf: Leaf, packIds: ReadonlySet<PackId>, writer: CheckpointWriter): Promise<number> {
  const dying = leaf.frames.filter(({ packId }) => packIds.has(packId));
  // The leaf lies in a dying pack and its pages do not: any frame will do to have it written anew.
  const frames: readonly FrameLocation[] = dying.length > 0 ? dying : leaf.frames.slice(0, 1);
  let copied = 0;
  for await (const frame of reader.readFrames(frames)) {
    const slots = (await reader.livePages(frame)).filter((slot) => Math.floor(frame.pages[slot]! / leafPages) === leaf.leafIndex);
    const pages = Uint32Array.from(slots, (slot) => frame.pages[slot]!);
    await writer.putPages(leaf.regionId, pages, Buffer.concat(slots.map((slot) => pageOf(frame, slot))));
    copied += pages.length;
  }
  const expected = usesOf(leaf).reduce((sum, uses, index) => sum + (frames.includes(leaf.frames[index]!) ? uses : 0), 0);
  // A page that did not come would stay where it is: nothing is lost, but the pack would not be free, and the table lied.
  if (copied !== expected) throw new Fault('TABLE_CORRUPT', { subject: `leaf ${leaf.leafIndex} of region ${leaf.regionId}`, expected: `${expected} pages in their frames`, found: `${copied}` });
  return copied;
}
