import { Fault } from './fault.ts';

interface Waiting<Item> {
  readonly item: Item;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A bounded queue between one producer side and one consumer: `send` waits while the channel is full, so a slow
 * consumer slows the producer down. Items arrive in the order of the calls of `send`. After `close()` the consumer gets
 * what is queued and then the end; after `fail(error)` both sides get that error at once and what was queued is dropped.
 * A consumer that leaves its loop early fails the channel with CANCELLED: nobody would ever make room again.
 */
export class Channel<Item> implements AsyncIterable<Item> {
  readonly #capacity: number;
  readonly #items: Item[] = [];
  /** Sends that found no room, oldest first. There are none unless the queue is full. */
  readonly #waiting: Waiting<Item>[] = [];
  #consumed = false;
  #closed = false;
  #failure: { error: unknown } | undefined;
  #wakeConsumer: (() => void) | undefined;

  /** `capacity`: items queued at once, from 1. */
  constructor(capacity: number) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) throw new Fault('VALUE_OUT_OF_RANGE', { subject: 'capacity of a channel', expected: 'an integer from 1', found: String(capacity) });
    this.#capacity = capacity;
  }

  /** Resolves when the item is queued. Rejects with the channel's failure, or INTERNAL on a channel that was closed. */
  send(item: Item): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#closed) throw sentAfterClose();
      if (this.#items.length >= this.#capacity) {
        this.#waiting.push({ item, resolve, reject });
      } else {
        this.#items.push(item);
        this.#wake();
        resolve();
      }
    });
  }

  close(): void {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(sentAfterClose());
    this.#wake();
  }

  /** The first failure stays; the later ones are mostly its echoes. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#items.length = 0;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure.error);
    this.#wake();
  }

  /** For one loop: a second one rejects with INTERNAL. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    if (this.#consumed) throw new Fault('INTERNAL', { expected: 'one consumer of a channel', found: 'another' });
    this.#consumed = true;
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure.error;
        if (this.#items.length > 0) yield this.#next();
        else if (this.#closed) return;
        else await new Promise<void>((resolve) => (this.#wakeConsumer = resolve));
      }
    } finally {
      if (!this.#closed) this.fail(new Fault('CANCELLED', { subject: 'the consumer of a channel' }));
    }
  }

  /** Takes the oldest item and gives its room to the oldest send that waits. Only with items queued. */
  #next(): Item {
    const item = this.#items.shift() as Item;
    const admitted = this.#waiting.shift();
    if (admitted !== undefined) {
      this.#items.push(admitted.item);
      admitted.resolve();
    }
    return item;
  }

  #wake(): void {
    this.#wakeConsumer?.();
    this.#wakeConsumer = undefined;
  }
}

function sentAfterClose(): Fault {
  return new Fault('INTERNAL', { expected: 'an open channel', found: 'a send after its close' });
}
