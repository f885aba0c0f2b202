import { Fault, printable } from '@godwit/base';
import { maxConfigurationBytes, maxNameBytes, pageBytes, sectionType, type MigrationConfiguration } from './format.ts';

/** QEMU 10.0 knows 25 capabilities and sends only those it validates, which is usually none. */
const maxCapabilities = 256;
const uuidBytes = 16;
/** Type byte and u32 length before the machine type. */
const headBytes = 5;

/**
 * Reads the configuration section piece by piece. Each method looks at `bytes` from `offset`, where all that is there may be used,
 * and returns how many bytes it consumed, or minus the number of bytes it needs before it can say.
 */
export class ConfigurationReader {
  readonly #parts: Buffer[] = [];
  #lengthBytes = 0;
  #machineType = '';

  /** The type byte, u32 length and the machine type's name. */
  readMachineType(bytes: Buffer, offset: number): number {
    const available = bytes.length - offset;
    if (bytes[offset] !== sectionType.configuration) {
      throw new Fault('MIGRATION_UNSUPPORTED', { expected: 'a configuration section after the header', found: `byte ${bytes[offset]}`, hint: 'use a machine type with send-configuration on' });
    }
    if (available < headBytes) return -headBytes;
    const nameBytes = bytes.readUInt32BE(offset + 1);
    if (nameBytes === 0 || nameBytes > maxNameBytes) {
      throw new Fault('MIGRATION_OVERSIZED', { subject: 'machine type', expected: `1 to ${maxNameBytes} bytes`, found: `${nameBytes}` });
    }
    const wholeBytes = headBytes + nameBytes;
    if (available < wholeBytes) return -wholeBytes;
    this.#machineType = bytes.toString('latin1', offset + headBytes, offset + wholeBytes);
    if (printable(this.#machineType) !== this.#machineType) throw new Fault('MIGRATION_CORRUPT', { expected: 'a machine type of printable characters', found: printable(this.#machineType) });
    return this.#keep(bytes, offset, wholeBytes);
  }

  /** One subsection: 0x05, u8 length, name, u32 version, data whose layout depends on the name. */
  readSubsection(bytes: Buffer, offset: number): number {
    const available = bytes.length - offset;
    if (available < 2) return -2;
    const dataStart = 2 + bytes[offset + 1]! + 4;
    if (available < dataStart) return -dataStart;
    const name = bytes.toString('latin1', offset + 2, offset + dataStart - 4);
    const wholeBytes = subsectionBytes(name, bytes.subarray(offset), dataStart);
    return wholeBytes < 0 || available < wholeBytes ? -Math.abs(wholeBytes) : this.#keep(bytes, offset, wholeBytes);
  }

  finish(): MigrationConfiguration {
    return { bytes: Buffer.concat(this.#parts), machineType: this.#machineType };
  }

  #keep(bytes: Buffer, offset: number, lengthBytes: number): number {
    this.#lengthBytes += lengthBytes;
    if (this.#lengthBytes > maxConfigurationBytes) {
      throw new Fault('MIGRATION_OVERSIZED', { subject: 'configuration', expected: `at most ${maxConfigurationBytes} bytes`, found: `${this.#lengthBytes}` });
    }
    this.#parts.push(Buffer.from(bytes.subarray(offset, offset + lengthBytes)));
    return lengthBytes;
  }
}

/** The whole length of the subsection at the start of `bytes`; negative when its data must be seen further to tell. */
function subsectionBytes(name: string, bytes: Buffer, dataStart: number): number {
  if (name === 'configuration/uuid') return dataStart + uuidBytes;
  if (name === 'configuration/capabilities') return capabilitiesBytes(bytes, dataStart);
  if (name === 'configuration/target-page-bits') {
    const wholeBytes = dataStart + 4;
    if (bytes.length >= wholeBytes && 2 ** bytes.readUInt32BE(dataStart) !== pageBytes) {
      throw new Fault('MIGRATION_UNSUPPORTED', { expected: `pages of ${pageBytes} bytes`, found: `2^${bytes.readUInt32BE(dataStart)}` });
    }
    return wholeBytes;
  }
  throw new Fault('MIGRATION_UNSUPPORTED', { subject: printable(name), expected: 'a known configuration subsection', found: 'another' });
}

/** u32 count, then per capability u8 length and name. */
function capabilitiesBytes(bytes: Buffer, dataStart: number): number {
  let end = dataStart + 4;
  if (bytes.length < end) return -end;
  const count = bytes.readUInt32BE(dataStart);
  if (count > maxCapabilities) throw new Fault('MIGRATION_OVERSIZED', { subject: 'capabilities', expected: `at most ${maxCapabilities}`, found: `${count}` });
  for (let index = 0; index < count; index += 1) {
    const nameBytes = bytes[end];
    if (nameBytes === undefined) return -(end + 1);
    end += 1 + nameBytes;
  }
  return end;
}
