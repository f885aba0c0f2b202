import { Fault } from '@godwit/base';
import { leafCountOf, leafPageCount, limits, type CheckpointReader, type Region } from '@godwit/snapshot';
import { decodeDeviceState, deviceRegionOf, streamHeadOf } from '../machine/state-region.ts';
import type { StateSink } from '../depart/checkpoint-sink.ts';

const { leafPages } = limits;

/**
 * Hands the state that a checkpoint holds to `sink`, RAM first and the device state last, as QEMU would: each page once.
 * `onPages` is called after each batch with the bytes so far; what it throws ends it.
 */
export async function playCheckpoint(reader: CheckpointReader, sink: StateSink, onPages: (doneBytes: number) => void): Promise<void> {
  const { configuration, blob } = decodeDeviceState(await reader.readRegion(deviceRegionOf(reader.regions).id));
  const { head, ram } = streamHeadOf(reader.regions, configuration);
  sink.onBlocks(head.blocks, configuration);
  let doneBytes = 0;
  for (const [blockIndex, region] of ram.entries()) {
    await reader.loadLeaves(region.id);
    for (let leafIndex = 0; leafIndex < leafCountOf(region); leafIndex += 1) {
      await playLeaf(reader, sink, { blockIndex, region, leafIndex });
      doneBytes += leafPageCount(region, leafIndex) * region.pageBytes;
      onPages(doneBytes);
    }
  }
  await sink.onDevice(blob);
}

/** One leaf's pages. A frame that also holds pages of the next leaf is read again there, which is rare: pages came in order. */
async function playLeaf(reader: CheckpointReader, sink: StateSink, { blockIndex, region, leafIndex }: { blockIndex: number; region: Region; leafIndex: number }): Promise<void> {
  const leaf = await reader.leaf(region.id, leafIndex);
  const first = leafIndex * leafPages;
  const zero = Array.from(leaf.references, (reference, at) => (reference === 0 ? first + at : -1)).filter((page) => page >= 0);
  await sink.onZeroPages({ blockIndex, count: zero.length, pages: Uint32Array.from(zero) });
  let missing = leaf.references.length - zero.length;
  for await (const frame of reader.readFrames(leaf.frames)) {
    const slots = (await reader.livePages(frame)).filter((slot) => Math.floor(frame.pages[slot]! / leafPages) === leafIndex);
    const bytes = Buffer.concat(slots.map((slot) => frame.bytes.subarray(slot * region.pageBytes, (slot + 1) * region.pageBytes)));
    missing -= slots.length;
    await sink.onPages({ blockIndex, count: slots.length, pages: Uint32Array.from(slots, (slot) => frame.pages[slot]!), bytes });
  }
  if (missing !== 0) throw new Fault('TABLE_CORRUPT', { subject: region.name, expected: `${missing} more pages in their frames` });
}
