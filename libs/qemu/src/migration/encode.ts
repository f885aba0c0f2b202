import { ByteWriter, Fault } from '@godwit/base';
import {
  command, maxBlockBytes, maxBlocks, maxConfigurationBytes, maxDeviceBlobBytes, maxNameBytes, pageBytes, ramFlag, ramSectionInstance, ramSectionName, ramSectionVersion,
  sectionType, streamMagic, streamVersion, type PageBatch, type RamBlock, type ZeroBatch,
} from './format.ts';

/**
 * The source's side of a migration, as pure functions: each returns buffers to be written in that order (`socket.cork()`, one
 * `write` each, `uncork()`). Page contents are not copied: they are views of the batch and must stay unchanged until written.
 *
 * Eager:     eagerOpening, (ramPages | ramZeroPages)*, eagerClosing.
 * Post-copy: postcopyOpening, (ramPages | ramZeroPages)* for hot pages, postcopySwitch, (ramPages | ramZeroPages)*, postcopyClosing.
 */

/** No section of the device blob has this id: QEMU counts them up from 0, and a PART finds its device by it. */
const ramSectionId = 0x7fff_ffff;
/** Answered with PONG on the return path: the first when QEMU is ready to load RAM, the second when the block list is loaded, the third when the devices are. */
export const pingOpened = 1;
export const pingListed = 2;
export const pingDevicesLoaded = 3;
const endOfSection = Buffer.from('0000000000000010', 'hex');

export interface StreamHead {
  /** `MigrationConfiguration.bytes` as captured. */
  readonly configuration: Uint8Array;
  /** The block list as captured, in the same order. */
  readonly blocks: readonly RamBlock[];
}

/** Header, configuration and the start of RAM with its block list. */
export function eagerOpening(head: StreamHead): Buffer[] {
  const writer = streamHeader(head);
  putRamStart(writer, head.blocks);
  return [writer.finish()];
}

/**
 * End of RAM, device state, end of file, and an empty VM description: a machine with `suppress-vmdesc` off, which is every one, waits for
 * one on this path and would otherwise not complete before the socket is closed.
 */
export function eagerClosing(deviceBlob: Buffer): Buffer[] {
  requireDeviceBlob(deviceBlob);
  return [ramEnd(), deviceBlob, Buffer.from([sectionType.eof, sectionType.vmDescription, 0, 0, 0, 2, 0x7b, 0x7d])];
}

/**
 * Header, configuration, return path, ADVISE, the start of RAM with its block list, and a RAM_DISCARD of every whole block.
 *
 * The discards come before any page, for two reasons. Without one QEMU takes the pre-copy path after LISTEN and hangs on its own page
 * faults. And the first one makes QEMU give up transparent huge pages: a hot page loaded before it may fill 2 MiB with zeros, which
 * nobody would ever ask for again.
 */
export function postcopyOpening(head: StreamHead): Buffer[] {
  const writer = streamHeader(head);
  putCommand(writer, command.openReturnPath);
  putPing(writer, pingOpened);
  // Page-size summary (one bit per page size of the blocks) and target page size: QEMU refuses unless both equal its own.
  putCommand(writer, command.postcopyAdvise, new ByteWriter(16).u64(pageBytes).u64(pageBytes).finish());
  putRamStart(writer, head.blocks);
  for (const block of head.blocks) putDiscard(writer, block);
  putPing(writer, pingListed);
  return [writer.finish()];
}

/** The package that makes the destination listen for pages, load its devices and run. From here on no page may be sent twice. */
export function postcopySwitch(deviceBlob: Buffer): Buffer[] {
  requireDeviceBlob(deviceBlob);
  const listen = new ByteWriter();
  putCommand(listen, command.postcopyListen);
  const closing = new ByteWriter();
  putPing(closing, pingDevicesLoaded);
  putCommand(closing, command.postcopyRun);
  const opening = new ByteWriter();
  putCommand(opening, command.packaged, new ByteWriter(4).u32(listen.lengthBytes + deviceBlob.length + closing.lengthBytes).finish());
  opening.put(listen.finish());
  return [opening.finish(), deviceBlob, closing.finish()];
}

/** End of RAM and end of file, once every page of every block has gone. QEMU answers SHUT 0. */
export function postcopyClosing(): Buffer[] {
  return [ramEnd(), Buffer.from([sectionType.eof])];
}

/** One RAM part with the pages of `batch`, whose block is `blockId`. Not copied. */
export function ramPages(blockId: string, batch: PageBatch): Buffer[] {
  if (batch.bytes.length !== batch.count * pageBytes) throw outOfRange(`${batch.count} pages of ${pageBytes} bytes`, `${batch.bytes.length} bytes`);
  if (batch.count === 0) return [];
  const buffers: Buffer[] = new Array<Buffer>(batch.count * 2 + 1);
  const first = new ByteWriter(32 + maxNameBytes);
  putPartHeader(first);
  putRecord(first, ramFlag.page, batch.pages[0]!, blockId);
  buffers[0] = first.finish();
  const headers = Buffer.allocUnsafe(8 * (batch.count - 1));
  for (let index = 0; index < batch.count; index += 1) {
    if (index > 0) {
      writeRecord(headers, 8 * (index - 1), ramFlag.page | ramFlag.sameBlock, batch.pages[index]!);
      buffers[index * 2] = headers.subarray(8 * (index - 1), 8 * index);
    }
    buffers[index * 2 + 1] = batch.bytes.subarray(index * pageBytes, (index + 1) * pageBytes);
  }
  buffers[batch.count * 2] = partClosing;
  return buffers;
}

/** One RAM part that says that the pages of `batch`, whose block is `blockId`, are zero. */
export function ramZeroPages(blockId: string, batch: ZeroBatch): Buffer[] {
  if (batch.count === 0) return [];
  const first = new ByteWriter(32 + maxNameBytes);
  putPartHeader(first);
  putRecord(first, ramFlag.zero, batch.pages[0]!, blockId);
  first.u8(0);
  const others = Buffer.alloc(9 * (batch.count - 1));
  for (let index = 1; index < batch.count; index += 1) writeRecord(others, 9 * (index - 1), ramFlag.zero | ramFlag.sameBlock, batch.pages[index]!);
  return [first.finish(), others, partClosing];
}

const partClosing = Buffer.concat([endOfSection, new ByteWriter(5).u8(sectionType.footer).u32(ramSectionId).finish()]);

function ramEnd(): Buffer {
  return Buffer.concat([new ByteWriter(5).u8(sectionType.end).u32(ramSectionId).finish(), partClosing]);
}

/** Room for what the openings hold beside the configuration and what they say of each block. */
const openingBytes = 256;

function streamHeader({ configuration, blocks }: StreamHead): ByteWriter {
  if (configuration.length > maxConfigurationBytes || configuration[0] !== sectionType.configuration) {
    throw outOfRange(`a configuration section of up to ${maxConfigurationBytes} bytes`, `${configuration.length} bytes`);
  }
  const perBlockBytes = 2 * (maxNameBytes + 32);
  return new ByteWriter(openingBytes + configuration.length + blocks.length * perBlockBytes).u32(streamMagic).u32(streamVersion).put(configuration);
}

function putRamStart(writer: ByteWriter, blocks: readonly RamBlock[]): void {
  if (blocks.length === 0 || blocks.length > maxBlocks) throw outOfRange(`1 to ${maxBlocks} RAM blocks`, `${blocks.length}`);
  writer.u8(sectionType.start).u32(ramSectionId);
  putName(writer, ramSectionName);
  writer.u32(ramSectionInstance).u32(ramSectionVersion);
  let totalBytes = 0;
  for (const { id, usedLengthBytes } of blocks) {
    if (usedLengthBytes <= 0 || usedLengthBytes > maxBlockBytes || usedLengthBytes % pageBytes !== 0) {
      throw outOfRange(`whole pages, up to ${maxBlockBytes} bytes, in ${id}`, `${usedLengthBytes}`);
    }
    totalBytes += usedLengthBytes;
  }
  writer.u64(totalBytes + ramFlag.memorySize);
  for (const { id, usedLengthBytes } of blocks) {
    putName(writer, id);
    writer.u64(usedLengthBytes);
  }
  writer.put(partClosing);
}

function putPartHeader(writer: ByteWriter): void {
  writer.u8(sectionType.part).u32(ramSectionId);
}

function putRecord(writer: ByteWriter, flag: number, page: number, blockId: string): void {
  writer.u64(page * pageBytes + flag);
  putName(writer, blockId);
}

function writeRecord(bytes: Buffer, offset: number, flags: number, page: number): void {
  bytes.writeUInt32BE(page >>> 20, offset);
  bytes.writeUInt32BE(((page << 12) >>> 0) + flags, offset + 4);
}

function putCommand(writer: ByteWriter, code: number, data: Uint8Array = Buffer.alloc(0)): void {
  writer.u8(sectionType.command).u16(code).u16(data.length).put(data);
}

function putPing(writer: ByteWriter, value: number): void {
  putCommand(writer, command.ping, new ByteWriter(4).u32(value).finish());
}

/** Discards all of `block`: layout version 0, counted name, a zero byte, then pairs of start and length. */
function putDiscard(writer: ByteWriter, { id, usedLengthBytes }: RamBlock): void {
  const data = new ByteWriter(32 + maxNameBytes).u8(0);
  putName(data, id);
  putCommand(writer, command.postcopyRamDiscard, data.u8(0).u64(0).u64(usedLengthBytes).finish());
}

function putName(writer: ByteWriter, name: string): void {
  const bytes = Buffer.from(name, 'latin1');
  if (bytes.length === 0 || bytes.length > maxNameBytes) throw outOfRange(`a name of 1 to ${maxNameBytes} bytes`, `${bytes.length}`);
  writer.u8(bytes.length).put(bytes);
}

function requireDeviceBlob(deviceBlob: Buffer): void {
  if (deviceBlob.length > maxDeviceBlobBytes || deviceBlob[0] !== sectionType.full) throw outOfRange(`device state of up to ${maxDeviceBlobBytes} bytes`, `${deviceBlob.length}`);
}

function outOfRange(expected: string, found: string): Fault {
  return new Fault('VALUE_OUT_OF_RANGE', { expected, found });
}
