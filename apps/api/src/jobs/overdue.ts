/** Whether somebody who should take what is due takes nothing. Times are of one clock, in ms. Pure. */
export class Overdue {
  readonly #idleMaxMs: number;
  /** By what is due: when it was first seen to be. */
  #since: ReadonlyMap<string, number> = new Map();
  #takenMs = 0;

  constructor(idleMaxMs: number) {
    this.#idleMaxMs = idleMaxMs;
  }

  /** Something was taken, or one who takes things has just come. */
  taken(nowMs: number): void {
    this.#takenMs = nowMs;
  }

  /** How long nothing was taken although one of `due` was there all the time; undefined when that is not long. */
  idleMs(due: readonly string[], nowMs: number): number | undefined {
    this.#since = new Map(due.map((one) => [one, this.#since.get(one) ?? nowMs]));
    const idleMs = nowMs - Math.max(this.#takenMs, Math.min(nowMs, ...this.#since.values()));
    return this.#since.size > 0 && idleMs >= this.#idleMaxMs ? idleMs : undefined;
  }
}
