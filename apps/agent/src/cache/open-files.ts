import { join } from 'node:path';
import { ObjectFile } from './object-file.ts';

/** Their checksums are in memory, a few KiB each, and each has a descriptor. */
const openMax = 64;

interface Entry {
  readonly file: Promise<ObjectFile>;
  users: number;
  /** Closed as soon as nobody uses it. */
  gone: boolean;
}

/** The files of the warm cache that were used last, open. */
export class OpenFiles {
  readonly #directory: string;
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  pathOf(name: string): string {
    return join(this.#directory, name);
  }

  /** Runs `action` with the file, which stays open meanwhile. Throws what opening it does: where it is not there, unless `create`. */
  async use<Result>(name: string, create: boolean, action: (file: ObjectFile) => Promise<Result>): Promise<Result> {
    const entry = this.#entry(name, create);
    entry.users += 1;
    try {
      return await action(await entry.file);
    } catch (error) {
      this.forget(name);
      throw error;
    } finally {
      entry.users -= 1;
      if (entry.gone) closeUnused(entry);
    }
  }

  /** Closes the file when nobody uses it any more; whoever asks for that name next opens what is there then. */
  forget(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    entry.gone = true;
    closeUnused(entry);
  }

  #entry(name: string, create: boolean): Entry {
    const known = this.#entries.get(name);
    if (known === undefined) this.#makeRoom();
    const entry = known ?? { file: ObjectFile.open(this.pathOf(name), name, create), users: 0, gone: false };
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    return entry;
  }

  #makeRoom(): void {
    for (const [name, { users }] of this.#entries) {
      if (this.#entries.size < openMax) return;
      if (users === 0) this.forget(name);
    }
  }
}

function closeUnused({ file, users }: Entry): void {
  if (users > 0) return;
  // One that could not be opened needs no closing; one that cannot be closed has been told of by its reads and writes.
  void file.then((opened) => opened.close()).catch(() => undefined);
}
