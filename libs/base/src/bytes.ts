import { Fault } from './fault.ts';
import type { FaultCode } from './fault-codes.ts';

/**
 * Reads big-endian values from a whole message. Every read is bounded: past the end it throws the fault
 * named at construction (default BYTES_TRUNCATED), so a codec says which of its faults a short input is.
 */
export class ByteReader {
  readonly bytes: Buffer;
  readonly #shortCode: FaultCode;
  offset = 0;

  constructor(bytes: Uint8Array, shortCode: FaultCode = 'BYTES_TRUNCATED') {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#shortCode = shortCode;
  }

  get remainingBytes(): number {
    return this.bytes.length - this.offset;
  }

  u8(): number {
    return this.bytes.readUInt8(this.#advance(1));
  }

  u16(): number {
    return this.bytes.readUInt16BE(this.#advance(2));
  }

  u32(): number {
    return this.bytes.readUInt32BE(this.#advance(4));
  }

  u64(): bigint {
    return this.bytes.readBigUInt64BE(this.#advance(8));
  }

  /** A u64 that must fit a JavaScript integer; larger values are refused with the reader's fault. */
  u53(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Fault(this.#shortCode, { expected: 'an integer below 2^53', found: String(value) });
    return Number(value);
  }

  /** A view (not a copy) of the next `lengthBytes` bytes. */
  take(lengthBytes: number): Buffer {
    const start = this.#advance(lengthBytes);
    return this.bytes.subarray(start, start + lengthBytes);
  }

  #advance(lengthBytes: number): number {
    const start = this.offset;
    if (lengthBytes > this.bytes.length - start) {
      throw new Fault(this.#shortCode, { expected: `${lengthBytes} more bytes at ${start}`, found: `${this.bytes.length - start}` });
    }
    this.offset = start + lengthBytes;
    return start;
  }
}

/** Writes big-endian values into a buffer that grows by doubling. `finish()` gives the exact bytes. */
export class ByteWriter {
  #bytes: Buffer;
  #lengthBytes = 0;

  constructor(capacityBytes = 256) {
    this.#bytes = Buffer.allocUnsafe(capacityBytes);
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  u8(value: number): this {
    this.#bytes.writeUInt8(value, this.#grow(1));
    return this;
  }

  u16(value: number): this {
    this.#bytes.writeUInt16BE(value, this.#grow(2));
    return this;
  }

  u32(value: number): this {
    this.#bytes.writeUInt32BE(value, this.#grow(4));
    return this;
  }

  u64(value: number | bigint): this {
    this.#bytes.writeBigUInt64BE(BigInt(value), this.#grow(8));
    return this;
  }

  put(bytes: Uint8Array): this {
    this.#bytes.set(bytes, this.#grow(bytes.length));
    return this;
  }

  /** A view of what was written so far; valid until the next write. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#lengthBytes);
  }

  #grow(lengthBytes: number): number {
    const start = this.#lengthBytes;
    const needed = start + lengthBytes;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, start);
      this.#bytes = larger;
    }
    this.#lengthBytes = needed;
    return start;
  }
}
