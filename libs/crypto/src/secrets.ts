import { timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import { Fault } from '@godwit/base';

const shown = '[secret]';

/**
 * Key bytes that do not get into a log, a JSON document or a message by accident: every printed form is `[secret]`.
 * Takes over the buffer it is given (no copy), so that `zero()` leaves none behind.
 */
export class Secret {
  readonly #bytes: Buffer;
  #gone = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The bytes themselves, not a copy. Throws INTERNAL after `zero()`: a key of zeros must never be used by mistake. */
  get bytes(): Buffer {
    if (this.#gone) throw new Fault('INTERNAL', { expected: 'a secret in use', found: 'one that was zeroed' });
    return this.#bytes;
  }

  get lengthBytes(): number {
    return this.#bytes.length;
  }

  /** In constant time. */
  equals(other: Secret): boolean {
    return this.bytes.length === other.bytes.length && timingSafeEqual(this.bytes, other.bytes);
  }

  zero(): void {
    this.#gone = true;
    zero(this.#bytes);
  }

  toJSON(): string {
    return shown;
  }

  toString(): string {
    return shown;
  }

  [inspect.custom](): string {
    return shown;
  }
}

/** Overwrites `bytes` with zeros. Copies that the runtime made on the way (strings, WebAssembly memory) are out of its reach. */
export function zero(bytes: Uint8Array): void {
  bytes.fill(0);
}
