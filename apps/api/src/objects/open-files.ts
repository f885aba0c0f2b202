import { constants, fstatSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** For positional reads. */
export interface OpenFile {
  readonly fd: number;
  /** When it was opened; objects never change. */
  readonly lengthBytes: number;
}

interface Entry {
  readonly opened: Promise<OpenFile & { readonly handle: FileHandle }>;
  users: number;
  /** Nobody gets it any more; whoever uses it last closes it. */
  forgotten: boolean;
  idle?: NodeJS.Timeout;
}

/** One page fault follows the other into the same pack. */
const idleMs = 1_000;
const idleMax = 64;

/**
 * Files that are read again and again, kept open for a moment after each use: opening, looking at and closing one costs more than reading a
 * frame of it. A file that was removed or replaced behind our back (a damaged object, put back out of a backup) is noticed by the next use; one
 * that was moved elsewhere, when it was out of use for {@link idleMs}.
 */
export class OpenFiles {
  readonly #entries = new Map<string, Entry>();
  /** Those that nobody uses, the longest idle first. */
  readonly #idle = new Set<string>();

  /** Runs `use` with the file at `path`; symbolic links are not followed. What opening it throws goes through `refusal`. */
  async using<Result>(path: string, use: (file: OpenFile) => Promise<Result>, refusal: (error: unknown) => unknown): Promise<Result> {
    const entry = this.#entries.get(path) ?? this.#add(path);
    entry.users += 1;
    clearTimeout(entry.idle);
    this.#idle.delete(path);
    try {
      const file = await entry.opened.catch((error: unknown) => {
        throw refusal(error);
      });
      if (this.#entries.get(path) === entry && isUnlinked(file)) {
        this.forget(path);
        return await this.using(path, use, refusal);
      }
      return await use(file);
    } catch (error) {
      // Whatever it was: the next one looks at the file anew.
      if (this.#entries.get(path) === entry) this.forget(path);
      throw error;
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#rest(path, entry);
    }
  }

  /** The next use opens the file anew. */
  forget(path: string): void {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    this.#entries.delete(path);
    this.#idle.delete(path);
    clearTimeout(entry.idle);
    entry.forgotten = true;
    if (entry.users === 0) closeLater(entry);
  }

  /** Forgets all. */
  close(): void {
    for (const path of [...this.#entries.keys()]) this.forget(path);
  }

  #add(path: string): Entry {
    const entry: Entry = { opened: openFile(path), users: 0, forgotten: false };
    this.#entries.set(path, entry);
    return entry;
  }

  #rest(path: string, entry: Entry): void {
    if (entry.forgotten) {
      closeLater(entry);
      return;
    }
    this.#idle.add(path);
    entry.idle = setTimeout(() => this.forget(path), idleMs).unref();
    const [oldest] = this.#idle;
    if (this.#idle.size > idleMax && oldest !== undefined) this.forget(oldest);
  }
}

/** A system call of a microsecond that waits for no disk: the inode of an open file is in memory. */
function isUnlinked({ fd }: OpenFile): boolean {
  return fstatSync(fd).nlink === 0;
}

async function openFile(path: string): Promise<OpenFile & { readonly handle: FileHandle }> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return { handle, fd: handle.fd, lengthBytes: (await handle.stat()).size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function closeLater({ opened }: Entry): void {
  // One that was only read cannot lose anything by it, and one that did not open has told its user.
  void opened.then(({ handle }) => handle.close()).catch(() => undefined);
}
