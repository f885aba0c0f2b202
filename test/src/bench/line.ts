/** One direction of a link, on whoever's clock: what is offered waits its turn, takes its time by its length, and arrives a delay later. */

export interface LineShape {
  readonly bytesPerMs: number;
  readonly delayMs: number;
}

interface Offered<Piece> {
  readonly piece: Piece;
  readonly lengthBytes: number;
  readonly offeredMs: number;
}

interface Travelling<Piece> {
  readonly piece: Piece;
  readonly dueMs: number;
}

/**
 * Connections take turns piece by piece, as a fair queue has them (Linux' default, fq_codel): a large transfer does not stand in the way
 * of a small request. How late `arrived` is called changes neither the rate nor the order: every time comes from the line's own account.
 */
export class Line<Piece> {
  readonly #shape: LineShape;
  /** By connection, in the order of their next turns. */
  readonly #waiting = new Map<number, Offered<Piece>[]>();
  readonly #travelling: Travelling<Piece>[] = [];
  #freeMs = 0;

  constructor(shape: LineShape) {
    this.#shape = shape;
  }

  offer(connection: number, piece: Piece, lengthBytes: number, nowMs: number): void {
    const queue = this.#waiting.get(connection);
    const offered = { piece, lengthBytes, offeredMs: nowMs };
    if (queue === undefined) this.#waiting.set(connection, [offered]);
    else queue.push(offered);
  }

  /** What has arrived by `nowMs`, in order. */
  arrived(nowMs: number): Piece[] {
    while (this.#waiting.size > 0 && this.#startOfNext() <= nowMs) this.#sendNext();
    const whole = this.#travelling.findIndex(({ dueMs }) => dueMs > nowMs);
    return this.#travelling.splice(0, whole < 0 ? this.#travelling.length : whole).map(({ piece }) => piece);
  }

  /** When `arrived` has something to do next; undefined: not before something is offered. */
  get nextMs(): number | undefined {
    const due = this.#travelling[0]?.dueMs;
    if (this.#waiting.size === 0) return due;
    return Math.min(due ?? Infinity, this.#startOfNext());
  }

  #startOfNext(): number {
    const [[, queue]] = this.#waiting as unknown as [[number, Offered<Piece>[]]];
    return Math.max(this.#freeMs, queue[0]!.offeredMs);
  }

  #sendNext(): void {
    const startMs = this.#startOfNext();
    const [[connection, queue]] = this.#waiting as unknown as [[number, Offered<Piece>[]]];
    const { piece, lengthBytes } = queue.shift()!;
    this.#waiting.delete(connection);
    if (queue.length > 0) this.#waiting.set(connection, queue);
    this.#freeMs = startMs + lengthBytes / this.#shape.bytesPerMs;
    this.#travelling.push({ piece, dueMs: this.#freeMs + this.#shape.delayMs });
  }
}
