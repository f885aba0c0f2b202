import { createHash } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, type AccountId, type Random } from '@godwit/base';
import { limits, OnceWritten } from '@godwit/snapshot';
import { OpenFiles, type OpenFile } from './open-files.ts';
import { receive } from './receive.ts';
import { readPieces } from './send.ts';

/** An object as it lies in the directory. */
export interface StoredFile {
  readonly lengthBytes: number;
  readonly sha256: Buffer;
}

/** Objects as files, each written once, below a folder of their account. */
export class ObjectDirectory {
  readonly #directory: string;
  readonly #files: OnceWritten;
  readonly #open = new OpenFiles();

  constructor(directory: string, random: Random) {
    this.#directory = directory;
    this.#files = new OnceWritten(directory, random);
  }

  /** Makes the folders and removes what a crash left half-written. */
  async prepare(): Promise<void> {
    await this.#files.prepare();
  }

  /**
   * Takes exactly `lengthBytes` from `body`, whose pieces nobody else may have: their memory is used no more when they are written. Resolves
   * when the object is durable: `created` is false when an object of this key was there, which then stays as it is. OBJECT_LENGTH_REFUSED,
   * OBJECT_DIGEST_REFUSED, STORE_FULL leave nothing behind.
   */
  async put(accountId: AccountId, key: string, body: AsyncIterable<Buffer>, lengthBytes: number, expectedSha256: Buffer | undefined): Promise<{ created: boolean; file: StoredFile }> {
    let sha256: Buffer = Buffer.alloc(0);
    try {
      const created = await this.#files.create(this.#pathOf(accountId, key), async (file) => {
        sha256 = await receive(file, body, lengthBytes);
        if (expectedSha256 !== undefined && !expectedSha256.equals(sha256)) throw new Fault('OBJECT_DIGEST_REFUSED', { subject: key });
      });
      return { created, file: { lengthBytes, sha256 } };
    } catch (error) {
      throw classify(error, key);
    }
  }

  /** All of it. Throws OBJECT_NOT_FOUND, OBJECT_LENGTH_REFUSED for a file that is longer than any object. */
  async read(accountId: AccountId, key: string): Promise<Buffer> {
    // As below.
    this.#open.forget(this.#pathOf(accountId, key));
    return await this.reading(accountId, key, async (file) => {
      if (file.lengthBytes > limits.objectBytesMax) throw new Fault('OBJECT_LENGTH_REFUSED', { subject: key, expected: `at most ${limits.objectBytesMax} bytes`, found: `${file.lengthBytes}` });
      const bytes = Buffer.alloc(file.lengthBytes);
      let atBytes = 0;
      await readPieces(file, { first: 0, last: file.lengthBytes - 1 }, (piece) => Promise.resolve(void (atBytes += piece.copy(bytes, atBytes))));
      return bytes;
    });
  }

  /** The object's length and digest, by reading it. */
  async inspect(accountId: AccountId, key: string): Promise<StoredFile> {
    // What was opened a moment ago may not be what lies there now, which is the question.
    this.#open.forget(this.#pathOf(accountId, key));
    return await this.reading(accountId, key, async (file) => {
      const hash = createHash('sha256');
      await readPieces(file, { first: 0, last: file.lengthBytes - 1 }, (piece) => Promise.resolve(void hash.update(piece)));
      return { lengthBytes: file.lengthBytes, sha256: hash.digest() };
    });
  }

  /** Deletes the object for good; fine when it is not there. OBJECT_LOCKED when the file system keeps it (immutable, read-only). */
  async remove(accountId: AccountId, key: string): Promise<void> {
    const path = this.#pathOf(accountId, key);
    try {
      await this.#files.remove(path);
    } catch (error) {
      const errno = errnoOf(error);
      if (lockedErrnos.has(errno)) throw new Fault('OBJECT_LOCKED', { subject: key, found: String(errno), cause: error });
      throw error;
    } finally {
      this.#open.forget(path);
    }
  }

  /** Runs `use` with the object's file, which is not to be used afterwards. Throws OBJECT_NOT_FOUND. */
  async reading<Result>(accountId: AccountId, key: string, use: (file: OpenFile) => Promise<Result>): Promise<Result> {
    return await this.#open.using(this.#pathOf(accountId, key), use, (error) => (absentErrnos.has(errnoOf(error)) ? new Fault('OBJECT_NOT_FOUND', { subject: key }) : error));
  }

  /** Of its file system, for whoever is not root. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#directory);
    return bavail * bsize;
  }

  /** Closes what is open and not in use. */
  close(): void {
    this.#open.close();
  }

  /** `key` has passed the wire's `objectKey`: no dots, no empty segments, so it stays inside. */
  #pathOf(accountId: AccountId, key: string): string {
    return join(this.#directory, accountId, key);
  }
}

function errnoOf(error: unknown): unknown {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

const absentErrnos = new Set<unknown>(['ENOENT', 'ENOTDIR']);
const fullErrnos = new Set<unknown>(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'EACCES']);
const lockedErrnos = new Set<unknown>(['EPERM', 'EACCES', 'EROFS']);
const brokenErrnos = new Set<unknown>(['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR']);

function classify(error: unknown, key: string): unknown {
  if (fullErrnos.has(errnoOf(error))) return new Fault('STORE_FULL', { subject: key, found: String(errnoOf(error)), cause: error });
  // The client went away in the middle: nobody reads this answer, and it is no defect.
  if (brokenErrnos.has(errnoOf(error))) return new Fault('OBJECT_LENGTH_REFUSED', { subject: key, found: 'a broken connection', cause: error });
  return error;
}
