/** Which files the warm cache has, in the order of their last use, and which of them have to go. Pure. */
export class Recency {
  /** The least recently used first. */
  readonly #files = new Map<string, number>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#files.size;
  }

  /** Least recently used first. */
  get files(): ReadonlyMap<string, number> {
    return this.#files;
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** The file is the most recently used from now on, and so long. */
  use(name: string, lengthBytes = this.#files.get(name) ?? 0): void {
    this.remove(name);
    this.#files.set(name, lengthBytes);
    this.#bytes += lengthBytes;
  }

  remove(name: string): void {
    this.#bytes -= this.#files.get(name) ?? 0;
    this.#files.delete(name);
  }

  /** The least recently used files without which all others take at most `bytesMax` and are at most `countMax`. Never `spared`. */
  victims(bytesMax: number, countMax: number, spared?: string): string[] {
    const victims: string[] = [];
    let [bytes, count] = [this.#bytes, this.#files.size];
    for (const [name, lengthBytes] of this.#files) {
      if (bytes <= bytesMax && count <= countMax) break;
      if (name === spared) continue;
      victims.push(name);
      bytes -= lengthBytes;
      count -= 1;
    }
    return victims;
  }
}

const GiB = 2 ** 30;

export interface CacheRoom {
  /** What its person set; undefined: the default. */
  readonly limitBytes: number | undefined;
  readonly usedBytes: number;
  readonly fileSystemBytes: number;
  /** Of the file system, for whoever asks next. */
  readonly freeBytes: number;
}

/** What the cache may take unless told: a tenth of the file system, at most 8 GiB. */
export function defaultLimitBytes(fileSystemBytes: number): number {
  return Math.min(8 * GiB, Math.floor(fileSystemBytes / 10));
}

/** What the cache may take now: its limit, and never what would leave less than 5 % of the file system, or less than 2 GiB, free. */
export function budgetBytes({ limitBytes, usedBytes, fileSystemBytes, freeBytes }: CacheRoom): number {
  const keptFreeBytes = Math.max(2 * GiB, Math.ceil(fileSystemBytes / 20));
  return Math.max(0, Math.min(limitBytes ?? defaultLimitBytes(fileSystemBytes), usedBytes + freeBytes - keptFreeBytes));
}
