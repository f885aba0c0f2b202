import { leafCacheBytesMax } from './limits.ts';
import type { Leaf } from './leaf.ts';

/** Rough bytes of a decoded frame location, with its share of the list. */
const locationBytes = 160;

/** Decoded leaves, the least recently used dropped first; a leaf that is being fetched is fetched once. */
export class LeafCache {
  readonly #leaves = new Map<string, Leaf>();
  readonly #pending = new Map<string, Promise<Leaf>>();
  #bytes = 0;

  has(regionId: number, leafIndex: number): boolean {
    return this.#leaves.has(`${regionId}/${leafIndex}`);
  }

  put(regionId: number, leafIndex: number, leaf: Leaf): void {
    const name = `${regionId}/${leafIndex}`;
    this.#drop(name);
    this.#leaves.set(name, leaf);
    this.#bytes += weight(leaf);
    for (const oldest of this.#leaves.keys()) {
      if (this.#bytes <= leafCacheBytesMax || oldest === name) break;
      this.#drop(oldest);
    }
  }

  async get(regionId: number, leafIndex: number, load: () => Promise<Leaf>): Promise<Leaf> {
    const name = `${regionId}/${leafIndex}`;
    const leaf = this.#leaves.get(name);
    if (leaf !== undefined) {
      // Moves it to the end: a Map keeps the order of insertion.
      this.#leaves.delete(name);
      this.#leaves.set(name, leaf);
      return leaf;
    }
    const pending = this.#pending.get(name) ?? this.#load(name, regionId, leafIndex, load);
    return await pending;
  }

  #load(name: string, regionId: number, leafIndex: number, load: () => Promise<Leaf>): Promise<Leaf> {
    const pending = (async () => {
      try {
        const leaf = await load();
        this.put(regionId, leafIndex, leaf);
        return leaf;
      } finally {
        this.#pending.delete(name);
      }
    })();
    this.#pending.set(name, pending);
    return pending;
  }

  #drop(name: string): void {
    const leaf = this.#leaves.get(name);
    if (leaf === undefined) return;
    this.#leaves.delete(name);
    this.#bytes -= weight(leaf);
  }
}

function weight(leaf: Leaf): number {
  return leaf.references.byteLength + leaf.slots.byteLength + leaf.frames.length * locationBytes;
}
