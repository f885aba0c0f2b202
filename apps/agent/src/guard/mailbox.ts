import { open, type FileHandle } from 'node:fs/promises';
import { decodeDeadline, encodeSeen, readOpen, writeSmall, type GuardFiles, type Seen } from './guard-files.ts';

/** A page that is in memory is read within a millisecond; a file system that hangs must not hold the guard up. */
const readLimitMs = 100;

/** The guard's side of the files. Nothing here waits for a file system that hangs, and nothing throws. */
export class Mailbox {
  readonly #deadline: FileHandle;
  readonly #files: GuardFiles;
  readonly #bootId: string;
  #reading: Promise<string | undefined> | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(deadline: FileHandle, files: GuardFiles, bootId: string) {
    this.#deadline = deadline;
    this.#files = files;
    this.#bootId = bootId;
  }

  /** The agent has made the file of the deadline, and nobody replaces it: it is opened once, and no path is looked up any more. */
  static async open(files: GuardFiles, bootId: string): Promise<Mailbox> {
    return new Mailbox(await open(files.deadline, 'r'), files, bootId);
  }

  /** `limitMs`: later deadlines are none. Undefined as well where reading fails or takes too long. */
  async readDeadline(limitMs: number): Promise<number | null | undefined> {
    this.#reading ??= readOpen(this.#deadline)
      .catch(() => undefined) // The deadline before it counts.
      .finally(() => (this.#reading = undefined));
    const text = await within(this.#reading, readLimitMs);
    return text === undefined ? undefined : decodeDeadline(text, this.#bootId, limitMs);
  }

  tell(seen: Seen): void {
    this.#writing = this.#writing
      .then(() => writeSmall(this.#files.seen, encodeSeen(seen)))
      .catch(() => undefined); // The agent then does not hear that its deadline is followed, and takes the guard for lost.
  }

  /** What was told is written, or `limitMs` are over. */
  async flush(limitMs: number): Promise<void> {
    await within(this.#writing, limitMs);
  }
}

async function within<Value>(work: Promise<Value>, limitMs: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), limitMs)));
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
