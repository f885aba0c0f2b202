/** Work under way at once, bounded: `start` waits for room, so whoever produces the work is slowed to the pace of its end. */
export class InFlight {
  readonly #most: number;
  #running = 0;
  #failure: { readonly error: unknown } | undefined;
  #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Resolves when the work has begun, not when it has ended. Throws the first failure of any work started before. */
  async start(work: () => Promise<void>): Promise<void> {
    while (this.#running >= this.#most && this.#failure === undefined) await this.#change();
    this.#throwFailure();
    this.#running += 1;
    void this.#run(work);
  }

  /** Waits until nothing is under way. Throws the first failure. */
  async settled(): Promise<void> {
    while (this.#running > 0) await this.#change();
    this.#throwFailure();
  }

  /** No more work begins: `start` and `settled` throw `error`, or the failure that came before it. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  async #run(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#running -= 1;
      this.#wake();
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** The results of `tasks` in their order, with up to `most` of them under way while the consumer works on one. */
export async function* inOrder<Result>(tasks: Iterable<() => Promise<Result>>, most: number): AsyncGenerator<Result> {
  const queue: Promise<Result>[] = [];
  for (const task of tasks) {
    const result = task();
    // Its failure is thrown when its turn comes; a consumer that left before must not bring the process down.
    result.catch(() => undefined);
    queue.push(result);
    if (queue.length >= most) yield await queue.shift()!;
  }
  for (const result of queue) yield await result;
}
