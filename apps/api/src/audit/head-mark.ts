import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '@godwit/base';
import type { SignedTreeHead } from '@godwit/crypto';

/**
 * The newest head that is known to have been signed, in a file beside the database: a database that is restored alone no longer has
 * it. Written behind the answers and not awaited by them: it is the second watch, the hosts are the first.
 */
export class HeadMark {
  readonly #path: string;
  readonly #log: Log;
  #writing: Promise<void> = Promise.resolve();
  #wanted: SignedTreeHead | undefined;
  #kept = false;
  #size = -1;

  constructor(dataDirectory: string, log: Log) {
    this.#path = join(dataDirectory, 'log-head');
    this.#log = log;
  }

  read(): Buffer | undefined {
    try {
      return readFileSync(this.#path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** A head was signed. Many in a row become one write. */
  note(head: SignedTreeHead): void {
    if (this.#kept || head.size <= this.#size) return;
    this.#size = head.size;
    const isIdle = this.#wanted === undefined;
    this.#wanted = head;
    if (isIdle) this.#writing = this.#writing.then(() => this.#writeWanted()).catch((error: unknown) => this.#log.warn('audit-log-mark', { error }));
  }

  /** A head that this log lacks: it stays, whatever is signed from now on, and survives a power cut when this resolves. */
  async keep(head: SignedTreeHead): Promise<void> {
    const before = this.#kept ? this.#size : -1;
    if (head.size <= before) return;
    [this.#kept, this.#size] = [true, head.size];
    await this.#writing;
    this.#writing = this.#write(head).catch((error: unknown) => this.#log.warn('audit-log-mark', { error }));
    await this.#writing;
  }

  /** Ends when nothing is left to write. */
  settled(): Promise<void> {
    return this.#writing;
  }

  async #writeWanted(): Promise<void> {
    const head = this.#wanted;
    this.#wanted = undefined;
    if (head !== undefined) await this.#write(head);
  }

  async #write({ bytes }: SignedTreeHead): Promise<void> {
    const temporary = `${this.#path}.new`;
    {
      await using file = await open(temporary, 'w', 0o600);
      await file.writeFile(bytes);
      await file.sync();
    }
    await rename(temporary, this.#path);
  }
}
