import { ByteReader, ByteWriter, Fault } from '@godwit/base';
import { maxConfigurationBytes, type RamBlock, type StreamHead } from '@godwit/qemu';
import { defineRegion, type Region } from '@godwit/snapshot';

/**
 * How a machine's state maps to the regions of a checkpoint. Ids are fixed for what every machine has; RAM blocks keep the id
 * that their name had in the parent, because QEMU may list them in another order.
 */
const deviceRegionId = 1;
const workingSetRegionId = 2;
const workingSetRegionName = 'working-set';
const firstDiskRegionId = 0x100;
const firstRamRegionId = 0x1000;

export function diskRegion(disk: number, lengthBytes: number): Region {
  return defineRegion({ id: firstDiskRegionId + disk, kind: 'disk', name: `disk${disk}`, lengthBytes });
}

export function diskRegions(regions: readonly Region[]): Region[] {
  return regions.filter(({ kind }) => kind === 'disk').sort((a, b) => a.id - b.id);
}

/** One region per block, in the order of `blocks`. */
export function ramRegions(blocks: readonly RamBlock[], parent: readonly Region[]): Region[] {
  const known = new Map(parent.filter(({ kind }) => kind === 'ram').map(({ name, id }) => [name, id]));
  let next = Math.max(firstRamRegionId - 1, ...known.values()) + 1;
  return blocks.map(({ id: name, usedLengthBytes: lengthBytes }) => defineRegion({ id: known.get(name) ?? next++, kind: 'ram', name, lengthBytes }));
}

/** What goes into the device region beside QEMU's device state: the stream's configuration section, to be played back as it was. */
export interface DeviceState {
  readonly configuration: Buffer;
  readonly blob: Buffer;
}

/** configuration length u32, configuration, device state; padded to whole pages by the format. */
export function encodeDeviceState({ configuration, blob }: DeviceState): { region: Region; pages: Uint32Array; bytes: Buffer } {
  const content = new ByteWriter(8 + configuration.length + blob.length).u32(configuration.length).put(configuration).put(blob).finish();
  return wholeRegion(defineRegion({ id: deviceRegionId, kind: 'device', name: 'device', lengthBytes: content.length }), content);
}

/** The working set as a region: readers that do not know it pass over it. */
export function encodeWorkingSetRegion(content: Buffer): { region: Region; pages: Uint32Array; bytes: Buffer } {
  return wholeRegion(defineRegion({ id: workingSetRegionId, kind: 'device', name: workingSetRegionName, lengthBytes: content.length }), content);
}

export function workingSetRegionOf(regions: readonly Region[]): Region | undefined {
  return regions.find(({ id, kind, name }) => id === workingSetRegionId && kind === 'device' && name === workingSetRegionName);
}

/** All pages of a region that is written in one go. */
function wholeRegion(region: Region, content: Buffer): { region: Region; pages: Uint32Array; bytes: Buffer } {
  const pageCount = Math.ceil(content.length / region.pageBytes);
  const bytes = Buffer.alloc(pageCount * region.pageBytes);
  content.copy(bytes);
  return { region, pages: Uint32Array.from({ length: pageCount }, (_, page) => page), bytes };
}

/** Throws CONTRACT_INVALID where the region is not what `encodeDeviceState` makes. */
export function decodeDeviceState(bytes: Buffer): DeviceState {
  const reader = new ByteReader(bytes, 'CONTRACT_INVALID');
  const lengthBytes = reader.u32();
  if (lengthBytes > maxConfigurationBytes) throw new Fault('CONTRACT_INVALID', { expected: `a configuration of at most ${maxConfigurationBytes} bytes`, found: `${lengthBytes}` });
  return { configuration: reader.take(lengthBytes), blob: reader.take(reader.remainingBytes) };
}

export function deviceRegionOf(regions: readonly Region[]): Region {
  const region = regions.find(({ id, kind }) => id === deviceRegionId && kind === 'device');
  if (region === undefined) throw new Fault('CONTRACT_INVALID', { expected: 'device state in the checkpoint' });
  return region;
}

/** The stream head for playing RAM back, and the region of each block. */
export function streamHeadOf(regions: readonly Region[], configuration: Buffer): { head: StreamHead; ram: readonly Region[] } {
  const ram = regions.filter(({ kind }) => kind === 'ram');
  return { head: { configuration, blocks: ram.map(({ name, lengthBytes }) => ({ id: name, usedLengthBytes: lengthBytes })) }, ram };
}
