/**
 * A bounded queue between one producer side and one consumer: `send` waits while the channel is full, so a slow
 * consumer slows the producer down. After `close()` the consumer gets what is queued and then the end; after
 * `fail(error)` both sides get that error at once.
 */
export class Channel<Item> implements AsyncIterable<Item> {
  readonly #capacity: number;
  readonly #items: Item[] = [];
  #closed = false;
  #failure: { error: unknown } | undefined;
  #wakeConsumer: (() => void) | undefined;
  #wakeProducers: (() => void)[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  async send(item: Item): Promise<void> {
    while (this.#items.length >= this.#capacity && !this.#closed && this.#failure === undefined) {
      await new Promise<void>((resolve) => this.#wakeProducers.push(resolve));
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#closed) throw new Error('send on a closed channel');
    this.#items.push(item);
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
    this.#release();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
    this.#release();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const item = this.#items.shift();
      if (item !== undefined) {
        this.#release();
        yield item;
      } else if (this.#closed) {
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wakeConsumer = resolve));
      }
    }
  }

  #wake(): void {
    this.#wakeConsumer?.();
    this.#wakeConsumer = undefined;
  }

  #release(): void {
    const waiting = this.#wakeProducers;
    this.#wakeProducers = [];
    for (const resolve of waiting) resolve();
  }
}
