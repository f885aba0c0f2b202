import type { Amount } from '../desktop/phase-report.ts';

/** Page table and manifest, which are written last: so much is always to come before the commit. */
const closingBytes = 64 * 1024;

/**
 * How much of a checkpoint has gone out, and how much it will be in all: what was handed to the store, and what is still to be read at the ratio so far
 * (unchanged pages cost nothing, others what compression makes of them). Pure.
 */
export class ExpectedUpload {
  #sentBytes = 0;
  #handedBytes = 0;
  #scannedBytes = 0;
  #memoryLeftBytes: number | undefined;
  #diskReadBytes = 0;
  #diskLeftBytes: number;

  /** `diskBytes`: what the disks' files take that have to be read. */
  constructor(diskBytes: number) {
    this.#diskLeftBytes = diskBytes;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Less than none: so many went in vain, and go again. */
  sent(lengthBytes: number): void {
    this.#sentBytes += lengthBytes;
  }

  /** An object of that length is to go out. */
  handed(lengthBytes: number): void {
    this.#handedBytes += lengthBytes;
  }

  /** Of memory: read so far, every round counted, and left to read in this round. */
  memory(scannedBytes: number, leftBytes: number): void {
    this.#scannedBytes = Math.max(this.#scannedBytes, scannedBytes);
    this.#memoryLeftBytes = leftBytes;
  }

  /** So much more of the disks has been read. */
  disk(readBytes: number): void {
    this.#diskReadBytes += readBytes;
    this.#diskLeftBytes = Math.max(0, this.#diskLeftBytes - readBytes);
  }

  /** The total is null as long as nothing is known about memory, or nothing was handed over: then there is no ratio. It is never reached before the commit. */
  get amount(): Amount {
    const doneBytes = Math.max(0, this.#sentBytes);
    const readBytes = this.#scannedBytes + this.#diskReadBytes;
    if (this.#memoryLeftBytes === undefined || this.#handedBytes === 0 || readBytes === 0) return { doneBytes, totalBytes: null };
    const leftBytes = ((this.#memoryLeftBytes + this.#diskLeftBytes) * this.#handedBytes) / readBytes;
    return { doneBytes, totalBytes: Math.max(Math.round(this.#handedBytes + leftBytes), doneBytes) + closingBytes };
  }
}
