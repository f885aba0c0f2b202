import { framesInFlightMax, framePlainBytesMax, openFramesMax } from './limits.ts';

/** Room for one plaintext, in whole pages of memory. */
const slotBytes = Math.ceil(framePlainBytesMax / 4096) * 4096;
/** In front of the slots: how often one was given back, then per slot 1 while it is taken. */
const headerBytes = 4096;
const free = 0;
const taken = 1;

/**
 * Memory for the plaintexts of frames that threads share: one takes a slot and fills it, another gives it back. A thread that finds none
 * free stands still, which is what slows the whole way down to the pace of its end.
 */
export class FrameSlots {
  /** What another thread makes its own `FrameSlots` of. */
  readonly shared: SharedArrayBuffer;
  readonly #states: Int32Array;
  readonly #count: number;

  constructor(shared = new SharedArrayBuffer(headerBytes + (framesInFlightMax + openFramesMax) * slotBytes)) {
    this.shared = shared;
    this.#count = (shared.byteLength - headerBytes) / slotBytes;
    this.#states = new Int32Array(shared, 0, 1 + this.#count);
  }

  /** Stops this thread, not only its caller, while all are taken: never for a thread that has other work. */
  take(): number {
    for (;;) {
      const givenBefore = Atomics.load(this.#states, 0);
      for (let slot = 0; slot < this.#count; slot += 1) {
        if (Atomics.compareExchange(this.#states, 1 + slot, free, taken) === free) return slot;
      }
      Atomics.wait(this.#states, 0, givenBefore);
    }
  }

  give(slot: number): void {
    Atomics.store(this.#states, 1 + slot, free);
    Atomics.add(this.#states, 0, 1);
    Atomics.notify(this.#states, 0);
  }

  /** The memory of a slot; its number is `slotOf` of any view that begins with it. */
  bytes(slot: number): Buffer {
    return Buffer.from(this.shared, headerBytes + slot * slotBytes, slotBytes);
  }

  slotOf(bytes: Buffer): number {
    return (bytes.byteOffset - headerBytes) / slotBytes;
  }
}
