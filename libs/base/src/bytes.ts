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
    // A length below zero (a difference of two lengths from the wire) would move backwards.
    if (!(lengthBytes >= 0 && lengthBytes <= this.bytes.length - start)) {
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

  // Each write asks for room first, which may replace the buffer, and counts its bytes last: a value that does not fit leaves no trace.

  u8(value: number): this {
    this.#lengthBytes = this.#room(1).writeUInt8(value, this.#lengthBytes);
    return this;
  }

  u16(value: number): this {
    this.#lengthBytes = this.#room(2).writeUInt16BE(value, this.#lengthBytes);
    return this;
  }

  u32(value: number): this {
    this.#lengthBytes = this.#room(4).writeUInt32BE(value, this.#lengthBytes);
    return this;
  }

  u64(value: number | bigint): this {
    this.#lengthBytes = this.#room(8).writeBigUInt64BE(BigInt(value), this.#lengthBytes);
    return this;
  }

  put(bytes: Uint8Array): this {
    this.#room(bytes.length).set(bytes, this.#lengthBytes);
    this.#lengthBytes += bytes.length;
    return this;
  }

  /** A view of what was written so far; valid until the next write. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#lengthBytes);
  }

  /** The buffer, with at least `lengthBytes` of room behind what was written. */
  #room(lengthBytes: number): Buffer {
    const needed = this.#lengthBytes + lengthBytes;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#lengthBytes);
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}

/**
 * Frees a received piece's memory now and not when it is collected: the next piece gets it, still in the processor's cache. Without this a third of
 * the time of a large transfer is spent on fresh memory and on collecting it. The piece is empty afterwards. One that shares its memory with
 * others, as those from Node's pool do, is left alone.
 */
export function giveBack(piece: Buffer): void {
  if (piece.buffer instanceof ArrayBuffer && piece.length === piece.buffer.byteLength) piece.buffer.transfer(0);
}
