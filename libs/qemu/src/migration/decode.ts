import { Fault, printable } from '@godwit/base';
import { ConfigurationReader } from './configuration.ts';
import { deviceSections } from './device-blob.ts';
import {
  command, maxBlockBytes, maxBlocks, maxDeviceBlobBytes, maxVmDescriptionBytes, pageBytes, ramFlag, ramSectionInstance, ramSectionName,
  ramSectionVersion, sectionType, streamMagic, streamVersion, type MigrationConfiguration, type RamBlock,
} from './format.ts';
import { PageBatcher, type PageSink } from './page-batcher.ts';
import { Tail } from './tail.ts';

/** Where a decoder puts what it reads, in the order of the stream. What a method throws comes out of `push` or `end`. */
export interface MigrationSink extends PageSink {
  onConfiguration(configuration: MigrationConfiguration): void;
  /** Once, before any page. A batch's `blockIndex` is an index into `blocks`. */
  onBlocks(blocks: readonly RamBlock[]): void;
  /** RAM is complete. Not called for a background snapshot, whose RAM is complete when the device state begins. */
  onRamEnd?(): void;
  /** The device state as one opaque blob: FULL sections without EOF. Called by `end()`. */
  onDevice(blob: Buffer): void;
  onEnd(): void;
}

export interface MigrationDecoderOptions {
  /** Pages per data batch, 1 to 65536; 64 unless given, which is one frame of 256 KiB. */
  readonly batchPages?: number;
  /** Pages per zero batch, 1 to 65536; 1024 unless given, which is one leaf of the page table. */
  readonly zeroBatchPages?: number;
}

const maxBatchPages = 65536;
const headerBytes = 8;
const footerBytes = 5;
const commandHeaderBytes = 5;
const partHeaderBytes = 5;
/** EOF, description header, description: what `deviceSections` takes off again. */
const maxTailBytes = maxDeviceBlobBytes + 1 + 5 + maxVmDescriptionBytes;

/** What comes next in the stream. Each but the last two is read by a step of its own, from contiguous bytes. */
type State = 'header' | 'machine-type' | 'configuration' | 'section' | 'ram-total' | 'ram-block' | 'record' | 'footer' | 'page' | 'tail';

/**
 * Decodes a migration stream that QEMU sends to us, in pieces of any size, without I/O. Understands pre-copy and background-snapshot
 * streams of QEMU 7.2 to 10.0; anything else gets MIGRATION_UNSUPPORTED. After a fault the decoder stays faulty.
 *
 *   header -> machine-type -> configuration -> section <-> { ram-total -> ram-block* -> record* <-> page, footer }
 *                                              section  -> tail (first FULL section; opaque to the end)
 */
export class MigrationDecoder {
  readonly #sink: MigrationSink;
  readonly #batcher: PageBatcher;
  readonly #configuration = new ConfigurationReader();
  readonly #blocks: RamBlock[] = [];
  readonly #blockIndexes = new Map<string, number>();
  readonly #tail = new Tail();
  #state: State = 'header';
  #failure: { error: unknown } | undefined;
  #ended = false;
  /** The start of a step's bytes that did not come in one piece, and how many the step asked for. */
  #carry = Buffer.alloc(512);
  #carriedBytes = 0;
  #neededBytes = 0;
  #ramSectionId = -1;
  #ramEnded = false;
  #inRamEnd = false;
  #totalBytes = 0;
  #listedBytes = 0;
  #blockIndex = -1;
  #blockPages = 0;
  #pageOffset = 0;
  #pageMissingBytes = 0;
  #pageRecords = 0;
  #streamBytes = 0;

  constructor(sink: MigrationSink, { batchPages = 64, zeroBatchPages = 1024 }: MigrationDecoderOptions = {}) {
    for (const pages of [batchPages, zeroBatchPages]) {
      if (!Number.isInteger(pages) || pages < 1 || pages > maxBatchPages) throw new Fault('VALUE_OUT_OF_RANGE', { expected: `1 to ${maxBatchPages} pages in a batch`, found: `${pages}` });
    }
    this.#sink = sink;
    this.#batcher = new PageBatcher(sink, batchPages, zeroBatchPages);
  }

  /** Page records read so far, zero pages included. Above 0 means that a background snapshot has its write tracking on. */
  get pageRecords(): number {
    return this.#pageRecords;
  }

  get streamBytes(): number {
    return this.#streamBytes;
  }

  /** Takes the next bytes; `chunk` may be reused by the caller afterwards. Throws the faults of the stream. */
  push(chunk: Uint8Array): void {
    this.#guard(() => this.#read(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)));
  }

  /** The stream has ended: checks that it is whole and hands out the device state. Throws the faults of the stream. */
  end(): void {
    this.#guard(() => {
      if (this.#state !== 'tail') throw new Fault('MIGRATION_TRUNCATED', { expected: 'device state', found: `the end in state ${this.#state} after ${this.#streamBytes} bytes` });
      const blob = deviceSections(this.#tail.finish());
      if (blob.length > maxDeviceBlobBytes) throw oversized('device state', maxDeviceBlobBytes, blob.length);
      this.#ended = true;
      this.#sink.onDevice(blob);
      this.#sink.onEnd();
    });
  }

  #guard(work: () => void): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#ended) throw new Fault('MIGRATION_CORRUPT', { expected: 'nothing after the end', found: 'more' });
    try {
      work();
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  #read(chunk: Buffer): void {
    this.#streamBytes += chunk.length;
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#state === 'tail') {
        this.#keepTail(offset === 0 ? chunk : chunk.subarray(offset));
        return;
      }
      if (this.#state === 'page') offset += this.#readPage(chunk, offset);
      else if (this.#carriedBytes > 0) offset += this.#readCarried(chunk, offset);
      else {
        const consumed = this.#step(chunk, offset);
        if (consumed >= 0) offset += consumed;
        else {
          this.#need(-consumed);
          offset += this.#readCarried(chunk, offset);
        }
      }
    }
  }

  /** Adds to the carried bytes what the waiting step still needs, and runs it once they are there. A step consumes all it asked for. */
  #readCarried(chunk: Buffer, offset: number): number {
    const taken = Math.min(this.#neededBytes - this.#carriedBytes, chunk.length - offset);
    chunk.copy(this.#carry, this.#carriedBytes, offset, offset + taken);
    this.#carriedBytes += taken;
    if (this.#carriedBytes === this.#neededBytes) {
      const consumed = this.#step(this.#carry.subarray(0, this.#carriedBytes), 0);
      if (consumed < 0) this.#need(-consumed);
      else this.#carriedBytes = 0;
    }
    return taken;
  }

  #need(lengthBytes: number): void {
    this.#neededBytes = lengthBytes;
    if (lengthBytes <= this.#carry.length) return;
    const larger = Buffer.alloc(Math.max(lengthBytes, this.#carry.length * 2));
    this.#carry.copy(larger, 0, 0, this.#carriedBytes);
    this.#carry = larger;
  }

  /** Returns the bytes consumed, or minus the number of bytes needed from `offset` on. */
  #step(bytes: Buffer, offset: number): number {
    switch (this.#state) {
      case 'record': return this.#readRecord(bytes, offset);
      case 'section': return this.#readSection(bytes, offset);
      case 'footer': return this.#readFooter(bytes, offset);
      case 'ram-block': return this.#readBlock(bytes, offset);
      case 'ram-total': return this.#readTotal(bytes, offset);
      case 'configuration': return this.#readConfiguration(bytes, offset);
      case 'machine-type': return this.#readMachineType(bytes, offset);
      case 'header': return this.#readHeader(bytes, offset);
      case 'page':
      case 'tail': throw new Fault('INTERNAL', { expected: 'a state that is read in steps', found: this.#state });
    }
  }

  #readHeader(bytes: Buffer, offset: number): number {
    if (bytes.length - offset < headerBytes) return -headerBytes;
    const magic = bytes.readUInt32BE(offset);
    const version = bytes.readUInt32BE(offset + 4);
    if (magic !== streamMagic) throw new Fault('MIGRATION_CORRUPT', { expected: 'the magic number of a migration stream', found: `0x${magic.toString(16)}` });
    if (version !== streamVersion) throw new Fault('MIGRATION_UNSUPPORTED', { expected: `stream version ${streamVersion}`, found: `${version}` });
    this.#state = 'machine-type';
    return headerBytes;
  }

  #readMachineType(bytes: Buffer, offset: number): number {
    const consumed = this.#configuration.readMachineType(bytes, offset);
    if (consumed > 0) this.#state = 'configuration';
    return consumed;
  }

  #readConfiguration(bytes: Buffer, offset: number): number {
    if (bytes[offset] === sectionType.subsection) return this.#configuration.readSubsection(bytes, offset);
    this.#state = 'section';
    this.#sink.onConfiguration(this.#configuration.finish());
    return this.#readSection(bytes, offset);
  }

  #readSection(bytes: Buffer, offset: number): number {
    const type = bytes[offset];
    switch (type) {
      case sectionType.start: return this.#readStart(bytes, offset);
      case sectionType.part:
      case sectionType.end: return this.#readPart(bytes, offset);
      case sectionType.command: return this.#readCommand(bytes, offset);
      case sectionType.full: return this.#openTail(bytes, offset);
      default: throw new Fault('MIGRATION_CORRUPT', { expected: 'the type of a section', found: `0x${type?.toString(16)}` });
    }
  }

  #readStart(bytes: Buffer, offset: number): number {
    const available = bytes.length - offset;
    if (available < 6) return -6;
    const nameEnd = 6 + bytes[offset + 5]!;
    const wholeBytes = nameEnd + 8;
    if (available < wholeBytes) return -wholeBytes;
    const name = bytes.toString('latin1', offset + 6, offset + nameEnd);
    const instance = bytes.readUInt32BE(offset + nameEnd);
    const version = bytes.readUInt32BE(offset + nameEnd + 4);
    if (name !== ramSectionName || instance !== ramSectionInstance) {
      throw new Fault('MIGRATION_UNSUPPORTED', { expected: 'RAM as the only iterated device', found: printable(`${name}/${instance}`) });
    }
    if (version !== ramSectionVersion) throw new Fault('MIGRATION_UNSUPPORTED', { subject: ramSectionName, expected: `version ${ramSectionVersion}`, found: `${version}` });
    if (this.#ramSectionId >= 0) throw new Fault('MIGRATION_CORRUPT', { expected: 'one start of RAM', found: 'another' });
    this.#ramSectionId = bytes.readUInt32BE(offset + 1);
    this.#state = 'ram-total';
    return wholeBytes;
  }

  #readPart(bytes: Buffer, offset: number): number {
    if (bytes.length - offset < partHeaderBytes) return -partHeaderBytes;
    const id = bytes.readUInt32BE(offset + 1);
    if (id !== this.#ramSectionId || this.#ramEnded) throw new Fault('MIGRATION_CORRUPT', { expected: 'a part of RAM that has begun and not ended', found: `section ${id}` });
    this.#inRamEnd = bytes[offset] === sectionType.end;
    this.#state = 'record';
    return partHeaderBytes;
  }

  #readCommand(bytes: Buffer, offset: number): number {
    if (bytes.length - offset < commandHeaderBytes) return -commandHeaderBytes;
    const code = bytes.readUInt16BE(offset + 1);
    const lengthBytes = bytes.readUInt16BE(offset + 3);
    if (code !== command.switchoverStart || lengthBytes !== 0) {
      const hint = 'capture with postcopy-ram and return-path off';
      throw new Fault('MIGRATION_UNSUPPORTED', { expected: 'no command that wants an answer', found: `command ${code} with ${lengthBytes} bytes`, hint });
    }
    return commandHeaderBytes;
  }

  #openTail(bytes: Buffer, offset: number): number {
    if (this.#blocks.length === 0) {
      throw new Fault('MIGRATION_UNSUPPORTED', { expected: 'RAM before device state', found: 'a device that is saved early', hint: 'leave virtio-mem out of the machine' });
    }
    this.#state = 'tail';
    // The type byte belongs to the blob. It may stand in the carry, so it is kept from there.
    this.#keepTail(bytes.subarray(offset, offset + 1));
    return 1;
  }

  #readTotal(bytes: Buffer, offset: number): number {
    if (bytes.length - offset < 8) return -8;
    const high = bytes.readUInt32BE(offset);
    const low = bytes.readUInt32BE(offset + 4);
    const flags = low % pageBytes;
    if (flags !== ramFlag.memorySize) throw new Fault('MIGRATION_UNSUPPORTED', { expected: 'the list of RAM blocks', found: `flags 0x${flags.toString(16)}` });
    this.#totalBytes = high * 2 ** 32 + (low - flags);
    if (this.#totalBytes === 0 || this.#totalBytes > maxBlocks * maxBlockBytes) throw oversized('RAM', maxBlocks * maxBlockBytes, this.#totalBytes);
    this.#state = 'ram-block';
    return 8;
  }

  #readBlock(bytes: Buffer, offset: number): number {
    const nameBytes = bytes[offset]!;
    const wholeBytes = 1 + nameBytes + 8;
    if (bytes.length - offset < wholeBytes) return -wholeBytes;
    const id = bytes.toString('latin1', offset + 1, offset + 1 + nameBytes);
    const usedLengthBytes = bytes.readUInt32BE(offset + 1 + nameBytes) * 2 ** 32 + bytes.readUInt32BE(offset + 5 + nameBytes);
    const subject = printable(id);
    if (nameBytes === 0 || this.#blockIndexes.has(id)) {
      throw new Fault('MIGRATION_CORRUPT', { subject, expected: 'a RAM block with a name of its own', found: 'none or one that is taken' });
    }
    if (this.#blocks.length === maxBlocks) throw oversized('RAM blocks', maxBlocks, maxBlocks + 1);
    if (usedLengthBytes > maxBlockBytes) throw oversized(subject, maxBlockBytes, usedLengthBytes);
    if (usedLengthBytes === 0 || usedLengthBytes % pageBytes !== 0) {
      throw new Fault('MIGRATION_CORRUPT', { subject, expected: 'a length of whole pages', found: `${usedLengthBytes} bytes` });
    }
    this.#listedBytes += usedLengthBytes;
    if (this.#listedBytes > this.#totalBytes) {
      throw new Fault('MIGRATION_CORRUPT', { subject, expected: `blocks of ${this.#totalBytes} bytes in all`, found: `${this.#listedBytes}` });
    }
    this.#blockIndexes.set(id, this.#blocks.length);
    this.#blocks.push({ id, usedLengthBytes });
    if (this.#listedBytes === this.#totalBytes) {
      this.#state = 'record';
      this.#sink.onBlocks(this.#blocks);
    }
    return wholeBytes;
  }

  /** One RAM record, except that the contents of a page are left to `#readPage`. */
  #readRecord(bytes: Buffer, offset: number): number {
    const available = bytes.length - offset;
    if (available < 8) return -8;
    const low = bytes.readUInt32BE(offset + 4);
    const flags = low % pageBytes;
    if (flags === ramFlag.endOfSection) return this.#endSection();
    const kind = flags & ~ramFlag.sameBlock;
    if (kind !== ramFlag.page && kind !== ramFlag.zero) {
      throw new Fault('MIGRATION_UNSUPPORTED', { expected: 'plain pages', found: `flags 0x${flags.toString(16)}`, hint: 'switch multifd, compression, xbzrle and mapped-ram off' });
    }
    const sameBlock = (flags & ramFlag.sameBlock) !== 0;
    let lengthBytes = sameBlock ? 8 : 9;
    if (available < lengthBytes) return -lengthBytes;
    if (!sameBlock) lengthBytes += bytes[offset + 8]!;
    const fillOffset = lengthBytes;
    if (kind === ramFlag.zero) lengthBytes += 1;
    if (available < lengthBytes) return -lengthBytes;
    if (!sameBlock) this.#selectBlock(bytes.toString('latin1', offset + 9, offset + fillOffset));
    const page = bytes.readUInt32BE(offset) * 2 ** 20 + (low - flags) / pageBytes;
    if (page >= this.#blockPages) {
      throw new Fault('MIGRATION_CORRUPT', { subject: printable(this.#blocks[this.#blockIndex]?.id ?? ''), expected: `a page below ${this.#blockPages}`, found: `page ${page}` });
    }
    this.#pageRecords += 1;
    if (kind === ramFlag.page) this.#beginPage(page);
    else this.#addFilled(page, bytes[offset + fillOffset]!);
    return lengthBytes;
  }

  #endSection(): number {
    this.#batcher.flush();
    this.#state = 'footer';
    return 8;
  }

  #selectBlock(id: string): void {
    const index = this.#blockIndexes.get(id);
    if (index === undefined) throw new Fault('MIGRATION_CORRUPT', { expected: 'a RAM block from the list', found: printable(id) });
    this.#blockIndex = index;
    this.#blockPages = this.#blocks[index]!.usedLengthBytes / pageBytes;
  }

  #addFilled(page: number, fill: number): void {
    if (fill === 0) {
      this.#batcher.addZeroPage(this.#blockIndex, page);
      return;
    }
    const offset = this.#batcher.openPage(this.#blockIndex, page);
    this.#batcher.bytes.fill(fill, offset, offset + pageBytes);
  }

  #beginPage(page: number): void {
    this.#pageOffset = this.#batcher.openPage(this.#blockIndex, page);
    this.#pageMissingBytes = pageBytes;
    this.#state = 'page';
  }

  #readPage(chunk: Buffer, offset: number): number {
    const taken = Math.min(this.#pageMissingBytes, chunk.length - offset);
    chunk.copy(this.#batcher.bytes, this.#pageOffset, offset, offset + taken);
    this.#pageOffset += taken;
    this.#pageMissingBytes -= taken;
    if (this.#pageMissingBytes === 0) this.#state = 'record';
    return taken;
  }

  #readFooter(bytes: Buffer, offset: number): number {
    if (bytes.length - offset < footerBytes) return -footerBytes;
    const id = bytes.readUInt32BE(offset + 1);
    if (bytes[offset] !== sectionType.footer || id !== this.#ramSectionId) {
      throw new Fault('MIGRATION_CORRUPT', { expected: `the footer of section ${this.#ramSectionId}`, found: `byte ${bytes[offset]} of section ${id}` });
    }
    this.#state = 'section';
    if (this.#inRamEnd) {
      this.#ramEnded = true;
      this.#inRamEnd = false;
      this.#sink.onRamEnd?.();
    }
    return footerBytes;
  }

  #keepTail(bytes: Buffer): void {
    if (this.#tail.lengthBytes + bytes.length > maxTailBytes) throw oversized('device state', maxDeviceBlobBytes, this.#tail.lengthBytes + bytes.length);
    this.#tail.put(bytes);
  }
}

function oversized(subject: string, limit: number, found: number): Fault {
  return new Fault('MIGRATION_OVERSIZED', { subject, expected: `1 to ${limit}`, found: `${found}` });
}
