/** Memory is taken in steps of this size: about what a desktop's device state with its description has. */
const pieceBytes = 256 * 1024;

/** Bytes that arrive in pieces of any size and are wanted in one. Copies what it is given. */
export class Tail {
  readonly #pieces: Buffer[] = [];
  #freeBytes = 0;
  #lengthBytes = 0;

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  put(bytes: Buffer): void {
    let offset = 0;
    while (offset < bytes.length) {
      if (this.#freeBytes === 0) {
        this.#pieces.push(Buffer.allocUnsafeSlow(pieceBytes));
        this.#freeBytes = pieceBytes;
      }
      const taken = bytes.copy(this.#pieces.at(-1)!, pieceBytes - this.#freeBytes, offset);
      this.#freeBytes -= taken;
      offset += taken;
    }
    this.#lengthBytes += bytes.length;
  }

  finish(): Buffer {
    return Buffer.concat(this.#pieces, this.#lengthBytes);
  }
}
