import { Fault } from '@godwit/base';
import type { CheckpointReader } from './checkpoint-reader.ts';
import type { FramePacker } from './frame-packer.ts';
import { encodeLeaf, packsOf, type FrameLocation } from './leaf.ts';
import type { PageTableBuilder } from './page-table-builder.ts';
import { leafCountOf, sameRegion } from './region.ts';
import { encodeRoot, type Root, type RootLeaf, type TableLocation } from './root.ts';

export interface RootRequest {
  /** Ascending by region id. */
  readonly tables: readonly PageTableBuilder[];
  /** The checkpoint before this one, which leaves that were not touched are taken from. */
  readonly base: CheckpointReader | undefined;
  readonly placeOf: (frameNumber: number) => FrameLocation;
  readonly packs: FramePacker;
}

export interface WrittenRoot {
  readonly root: Root;
  readonly location: TableLocation;
  readonly leavesWritten: number;
  /** Taken from the parent by reference. */
  readonly leavesShared: number;
}

/** Writes the leaves that changed, then the root: one after the other, so that they lie together at the end of the packs. */
export async function writeRoot({ tables, base, placeOf, packs }: RootRequest): Promise<WrittenRoot> {
  const counts = { leavesWritten: 0, leavesShared: 0 };
  const regions = [];
  for (const table of tables) {
    const { region } = table;
    const before = base?.regions.find((earlier) => sameRegion(earlier, region)) === undefined ? undefined : base;
    const inherited = before?.root.regions.find(({ regionId }) => regionId === region.id)?.leaves;
    const leaves: (RootLeaf | undefined)[] = inherited?.slice() ?? Array<undefined>(leafCountOf(region)).fill(undefined);
    const touched = table.touchedLeaves;
    await before?.loadLeaves(region.id, touched);
    for (const leafIndex of touched) {
      leaves[leafIndex] = await writeLeaf(table, leafIndex, before, leaves[leafIndex], placeOf, packs);
    }
    for (const [leafIndex, leaf] of leaves.entries()) {
      if (leaf !== undefined) counts[leaf === inherited?.[leafIndex] ? 'leavesShared' : 'leavesWritten'] += 1;
    }
    regions.push({ regionId: region.id, leaves });
  }
  const root = { regions };
  const location = await packs.append('root', encodeRoot(root));
  return { root, location, ...counts };
}

/** The entry of one touched leaf: the parent's own when nothing came of the touching. */
async function writeLeaf(table: PageTableBuilder, leafIndex: number, before: CheckpointReader | undefined, entry: RootLeaf | undefined, placeOf: RootRequest['placeOf'], packs: FramePacker): Promise<RootLeaf | undefined> {
  const parentLeaf = entry === undefined ? undefined : await before?.leaf(table.region.id, leafIndex);
  if (entry !== undefined && parentLeaf === undefined) throw new Fault('INTERNAL', { expected: "the parent's leaf" });
  const leaf = table.merge(leafIndex, parentLeaf, placeOf);
  if (leaf === undefined) return undefined;
  const plain = encodeLeaf(leaf);
  if (parentLeaf !== undefined && encodeLeaf(parentLeaf).equals(plain)) return entry;
  return { location: await packs.append('leaf', plain), packIds: packsOf(leaf).sort() };
}
