import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, readdir, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { Fault, type AccountId, type Random } from '@godwit/base';

/** An object as it lies in the directory. */
export interface StoredFile {
  readonly lengthBytes: number;
  readonly sha256: Buffer;
}

/** A half-written object's folder; no key can name it, because no segment of a key begins with a dot. */
const incomingFolder = '.incoming';

/**
 * Objects as files, written once: streamed to a temporary file while they are hashed, synced, then linked to their name
 * (which fails if the name is taken), and the folders synced. Nothing is ever overwritten.
 */
export class ObjectDirectory {
  readonly #directory: string;
  readonly #random: Random;

  constructor(directory: string, random: Random) {
    this.#directory = directory;
    this.#random = random;
  }

  /** Makes the folders and removes what a crash left half-written. */
  async prepare(): Promise<void> {
    const incoming = join(this.#directory, incomingFolder);
    await makeFolder(incoming);
    for (const name of await readdir(incoming)) await unlink(join(incoming, name));
  }

  /**
   * Takes exactly `lengthBytes` from `body`. Resolves when the object is durable: `created` is false when an object of this
   * key was there, which then stays as it is. OBJECT_LENGTH_REFUSED, OBJECT_DIGEST_REFUSED, STORE_FULL leave nothing behind.
   */
  async put(accountId: AccountId, key: string, body: Readable, lengthBytes: number, expectedSha256: Buffer | undefined): Promise<{ created: boolean; file: StoredFile }> {
    const temporary = join(this.#directory, incomingFolder, this.#random(16).toString('hex'));
    const path = this.#pathOf(accountId, key);
    try {
      const sha256 = await receive(temporary, body, lengthBytes);
      if (expectedSha256 !== undefined && !expectedSha256.equals(sha256)) throw new Fault('OBJECT_DIGEST_REFUSED', { subject: key });
      await makeFolder(dirname(path));
      const created = await linkNew(temporary, path);
      await syncFolder(dirname(path));
      return { created, file: { lengthBytes, sha256 } };
    } catch (error) {
      throw classify(error, key);
    } finally {
      await unlinkIfThere(temporary);
    }
  }

  /** The object's length and digest, by reading it. */
  async inspect(accountId: AccountId, key: string): Promise<StoredFile> {
    const file = await this.open(accountId, key);
    try {
      const hash = createHash('sha256');
      const stream = file.createReadStream({ autoClose: false });
      let lengthBytes = 0;
      for await (const piece of stream as AsyncIterable<Buffer>) {
        hash.update(piece);
        lengthBytes += piece.length;
      }
      return { lengthBytes, sha256: hash.digest() };
    } finally {
      await file.close();
    }
  }

  /** Deletes the object for good; fine when it is not there. OBJECT_LOCKED when the file system keeps it (immutable, read-only). */
  async remove(accountId: AccountId, key: string): Promise<void> {
    const path = this.#pathOf(accountId, key);
    try {
      await unlink(path);
      await syncFolder(dirname(path));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT' || errno === 'ENOTDIR') return;
      if (lockedErrnos.has(errno)) throw new Fault('OBJECT_LOCKED', { subject: key, found: String(errno), cause: error });
      throw error;
    }
  }

  /** For reading; the caller closes it. Throws OBJECT_NOT_FOUND. */
  async open(accountId: AccountId, key: string): Promise<FileHandle> {
    try {
      return await open(this.#pathOf(accountId, key), constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') throw new Fault('OBJECT_NOT_FOUND', { subject: key });
      throw error;
    }
  }

  /** `key` has passed the wire's `objectKey`: no dots, no empty segments, so it stays inside. */
  #pathOf(accountId: AccountId, key: string): string {
    return join(this.#directory, accountId, key);
  }
}

/** Writes the stream to a new file and syncs it; its SHA-256. Never more than `lengthBytes` reach the disk. */
async function receive(path: string, body: Readable, lengthBytes: number): Promise<Buffer> {
  const file = await open(path, 'wx', 0o600);
  try {
    const hash: Hash = createHash('sha256');
    let writtenBytes = 0;
    for await (const piece of body as AsyncIterable<Buffer>) {
      if (writtenBytes + piece.length > lengthBytes) throw new Fault('OBJECT_LENGTH_REFUSED', { expected: `${lengthBytes} bytes`, found: 'more' });
      hash.update(piece);
      await writeAll(file, piece);
      writtenBytes += piece.length;
    }
    if (writtenBytes !== lengthBytes) throw new Fault('OBJECT_LENGTH_REFUSED', { expected: `${lengthBytes} bytes`, found: `${writtenBytes}` });
    await file.sync();
    return hash.digest();
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) offset += (await file.write(bytes, offset)).bytesWritten;
}

async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Creates the folder and those above it; each new name is synced into its parent. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let folder = path; ; folder = dirname(folder)) {
    await syncFolder(dirname(folder));
    if (folder === first) return;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function errnoOf(error: unknown): unknown {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

const fullErrnos = new Set<unknown>(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'EACCES']);
const lockedErrnos = new Set<unknown>(['EPERM', 'EACCES', 'EROFS']);
const brokenErrnos = new Set<unknown>(['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR']);

function classify(error: unknown, key: string): unknown {
  if (fullErrnos.has(errnoOf(error))) return new Fault('STORE_FULL', { subject: key, found: String(errnoOf(error)), cause: error });
  // The client went away in the middle: nobody reads this answer, and it is no defect.
  if (brokenErrnos.has(errnoOf(error))) return new Fault('OBJECT_LENGTH_REFUSED', { subject: key, found: 'a broken connection', cause: error });
  return error;
}
