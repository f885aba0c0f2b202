import type { Amount } from '../desktop/phase-report.ts';

/**
 * How far a whole move is, made of what its phases say one after the other: what is done never goes back and is never above the total. A phase
 * that begins to count anew comes on top of those before it. Pure.
 */
export class SteadyAmount {
  /** Done in counts that are over. */
  #beforeBytes = 0;
  #lastBytes = 0;
  #phase: string | undefined;
  #doneBytes = 0;
  #totalBytes: number | null = null;

  get doneBytes(): number {
    return this.#doneBytes;
  }

  /** Null: not known yet. */
  get totalBytes(): number | null {
    return this.#totalBytes;
  }

  look(phase: string, { doneBytes, totalBytes }: Amount): void {
    // Within a phase less than before was done in vain; from one to the next it is another count.
    if (phase !== this.#phase && doneBytes < this.#lastBytes) this.#beforeBytes = this.#doneBytes;
    this.#phase = phase;
    this.#lastBytes = doneBytes;
    const most = totalBytes === null ? Infinity : this.#beforeBytes + totalBytes;
    this.#doneBytes = Math.max(this.#doneBytes, Math.min(most, this.#beforeBytes + doneBytes));
    this.#totalBytes = totalBytes === null ? null : Math.max(most, this.#doneBytes);
  }

  /** All that there was to do is done: the total was an estimate. */
  end(): void {
    this.#totalBytes = this.#doneBytes;
  }
}
