const restBytes = 64 * 1024;
/** An empty queue gives back a buffer larger than this. */
const keptBytes = 1024 * 1024;

/**
 * Bytes that arrived and are not yet understood, in one buffer: a client that sends single bytes costs one byte each, not an
 * object each. The owner bounds what it lets in; the queue itself only grows.
 */
export class ByteQueue {
  #bytes = Buffer.allocUnsafe(restBytes);
  #start = 0;
  #end = 0;

  get lengthBytes(): number {
    return this.#end - this.#start;
  }

  push(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#bytes.length) this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The next `lengthBytes` bytes without taking them, or undefined while they are not all there. A view, valid until the next call. */
  peek(lengthBytes: number): Buffer | undefined {
    return lengthBytes > this.lengthBytes ? undefined : this.#bytes.subarray(this.#start, this.#start + lengthBytes);
  }

  /** Takes the next `lengthBytes` bytes as a copy of their own, or undefined while they are not all there. */
  take(lengthBytes: number): Buffer | undefined {
    const view = this.peek(lengthBytes);
    if (view === undefined) return undefined;
    const copy = Buffer.from(view);
    this.skip(lengthBytes);
    return copy;
  }

  /** Drops up to `lengthBytes` bytes; returns how many there were to drop. */
  skip(lengthBytes: number): number {
    const skippedBytes = Math.min(lengthBytes, this.lengthBytes);
    this.#start += skippedBytes;
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
      if (this.#bytes.length > keptBytes) this.#bytes = Buffer.allocUnsafe(restBytes);
    }
    return skippedBytes;
  }

  #makeRoom(lengthBytes: number): void {
    const neededBytes = this.lengthBytes + lengthBytes;
    const target = neededBytes <= this.#bytes.length / 2 ? this.#bytes : Buffer.allocUnsafe(Math.max(neededBytes, this.#bytes.length * 2));
    this.#bytes.copy(target, 0, this.#start, this.#end);
    this.#end = this.lengthBytes;
    this.#start = 0;
    this.#bytes = target;
  }
}
