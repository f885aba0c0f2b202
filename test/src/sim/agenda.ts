/** Something that will happen. Without `act` it was called off. */
export interface Entry {
  readonly atMs: number;
  readonly order: number;
  act: (() => void) | undefined;
}

/** What will happen, by true time; what falls on the same moment, in the order in which it was entered. A binary heap. */
export class Agenda {
  readonly #heap: Entry[] = [];
  #order = 0;

  add(atMs: number, act: () => void): Entry {
    const entry: Entry = { atMs, order: (this.#order += 1), act };
    const heap = this.#heap;
    let place = heap.push(entry) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!isBefore(entry, heap[above]!)) break;
      heap[place] = heap[above]!;
      place = above;
    }
    heap[place] = entry;
    return entry;
  }

  /** The next that was not called off, taken out. */
  next(): Entry | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return undefined;
      const last = this.#heap.pop()!;
      if (this.#heap.length > 0) this.#sink(last);
      if (first.act !== undefined) return first;
    }
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
      if (!isBefore(heap[below]!, entry)) break;
      heap[place] = heap[below]!;
      place = below;
    }
    heap[place] = entry;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
