/**
 * Copies of what waits to be written, in one piece of memory that is used again and again, first in first out: new memory for each would cost
 * more than the copying. What does not fit is not taken. Pure.
 */
export class WaitingBytes {
  readonly #capacityBytes: number;
  #memory: Buffer | undefined;
  /** The oldest first. */
  readonly #copies: { readonly start: number; readonly end: number }[] = [];

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
  }

  /** The copy, until it is `drop`ped; undefined where there is no room for it now. `bytes`: at least one. */
  copy(bytes: Uint8Array): Buffer | undefined {
    const start = this.#placeFor(bytes.length);
    if (start === undefined) return undefined;
    this.#memory ??= Buffer.allocUnsafeSlow(this.#capacityBytes);
    const end = start + bytes.length;
    this.#memory.set(bytes, start);
    this.#copies.push({ start, end });
    return this.#memory.subarray(start, end);
  }

  /** The oldest copy is not needed any more. */
  drop(): void {
    this.#copies.shift();
  }

  /** Gives the memory back, if nothing waits in it. */
  release(): void {
    if (this.#copies.length === 0) this.#memory = undefined;
  }

  #placeFor(lengthBytes: number): number | undefined {
    const [oldest, newest] = [this.#copies[0], this.#copies.at(-1)];
    if (oldest === undefined || newest === undefined) return lengthBytes <= this.#capacityBytes ? 0 : undefined;
    if (newest.end <= oldest.start) return newest.end + lengthBytes <= oldest.start ? newest.end : undefined;
    if (newest.end + lengthBytes <= this.#capacityBytes) return newest.end;
    return lengthBytes <= oldest.start ? 0 : undefined;
  }
}
