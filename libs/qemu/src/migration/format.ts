/**
 * The numbers of QEMU's migration stream (version 3, big-endian) and the limits under which it is read.
 * Source: QEMU's `migration/savevm.c`, `migration/ram.c` and `docs/devel/migration/`, as measured on 7.2 and 10.0.
 */

export const streamMagic = 0x5145564d; // "QEVM"
export const streamVersion = 3;

/** The byte that opens each part of the stream. */
export const sectionType = {
  eof: 0x00,
  start: 0x01,
  part: 0x02,
  end: 0x03,
  full: 0x04,
  subsection: 0x05,
  vmDescription: 0x06,
  configuration: 0x07,
  command: 0x08,
  footer: 0x7e,
} as const;

/** Flags in the low bits of a RAM record's u64; the rest is the byte offset inside the block. */
export const ramFlag = {
  zero: 0x02,
  memorySize: 0x04,
  page: 0x08,
  endOfSection: 0x10,
  sameBlock: 0x20,
} as const;

export const command = {
  openReturnPath: 1,
  ping: 2,
  postcopyAdvise: 3,
  postcopyListen: 4,
  postcopyRun: 5,
  postcopyRamDiscard: 6,
  packaged: 7,
  switchoverStart: 11,
} as const;

export const ramSectionName = 'ram';
export const ramSectionInstance = 0;
/** Version of the `ram` section; 4 since QEMU 0.15. */
export const ramSectionVersion = 4;

export const pageBytes = 4096;

/** Names are u8-counted, so this is the format's own bound. */
export const maxNameBytes = 255;
/** A q35 desktop has about 12 RAM blocks; a hot-plugged DIMM or a ROM adds one each. */
export const maxBlocks = 256;
/** Far above any laptop's RAM; keeps page numbers in 28 bits, hence in a Uint32Array. */
export const maxBlockBytes = 2 ** 40;
/** A q35 desktop's device state is about 170 KB; GPU scan-out contents can add some MiB. */
export const maxDeviceBlobBytes = 64 * 1024 * 1024;
/** The machine type's name and a capability list: about 60 bytes in practice. */
export const maxConfigurationBytes = 64 * 1024;
/** The JSON after EOF, which names every field of the device state: about 60 KiB in practice. It is parsed, so its tree must stay small. */
export const maxVmDescriptionBytes = 4 * 1024 * 1024;

/** One RAM block, as its guest's firmware and devices see it: `pc.ram`, VGA memory, option ROMs, ACPI tables. */
export interface RamBlock {
  /** QEMU's name for it, 1 to 255 bytes of Latin-1; unique in a machine. */
  readonly id: string;
  /** A multiple of 4096, at most 1 TiB. */
  readonly usedLengthBytes: number;
}

export interface MigrationConfiguration {
  /** Everything from the type byte 0x07 on, subsections included: replayed verbatim. */
  readonly bytes: Buffer;
  /** The versioned machine type, e.g. `pc-q35-7.2`. */
  readonly machineType: string;
}

/** Pages of one block with their contents. */
export interface PageBatch {
  readonly blockIndex: number;
  readonly count: number;
  /** `count` page numbers inside the block, strictly ascending. */
  readonly pages: Uint32Array;
  /** `count` * 4096 bytes, page after page. */
  readonly bytes: Buffer;
}

/** Pages of one block that hold nothing but zeros. */
export interface ZeroBatch {
  readonly blockIndex: number;
  readonly count: number;
  /** `count` page numbers inside the block, strictly ascending. */
  readonly pages: Uint32Array;
}
