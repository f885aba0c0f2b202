import { constants } from 'node:fs';
import { link, mkdir, open, readdir, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Random } from '@godwit/base';
import { FolderSyncs } from './folder-syncs.ts';

/** Holds half-written files. A key cannot name it: no segment of a key begins with a dot. */
const incomingFolder = '.incoming';

/**
 * Files below one directory that are written once: filled under a temporary name and synced, then linked to their own (which fails if the name
 * is taken, so the link is the exclusive creation), then their folder is synced. Nothing is ever overwritten. Errors are the file system's own.
 */
export class OnceWritten {
  readonly #incoming: string;
  readonly #random: Random;
  readonly #folders = new FolderSyncs(syncFolder);
  readonly #makings = new Set<Promise<void>>();

  /** `directory`: created when it is wanted and not there; nobody else writes below it. */
  constructor(directory: string, random: Random) {
    this.#incoming = join(directory, incomingFolder);
    this.#random = random;
  }

  /** Removes what a crash left half-written. */
  async prepare(): Promise<void> {
    await makeFolder(this.#incoming);
    for (const name of await readdir(this.#incoming)) await unlink(join(this.#incoming, name));
  }

  /**
   * Creates the file with what `fill` writes into it; what `fill` throws is thrown, and nothing stays behind. When it resolves a file of this
   * name is durable: this one (true), or one that was there before and stays as it is (false).
   */
  async create(path: string, fill: (file: FileHandle) => Promise<void>): Promise<boolean> {
    const temporary = join(this.#incoming, this.#random(16).toString('hex'));
    const file = await this.#inFolder(temporary, () => open(temporary, 'wx', 0o600));
    let created: boolean;
    try {
      try {
        await fill(file);
        await file.sync();
      } finally {
        await file.close();
      }
      created = await this.#inFolder(path, () => linkNew(temporary, path));
    } finally {
      await unlinkIfThere(temporary);
    }
    // A folder that another file's creation is making now has a name, and may not be durable yet.
    await Promise.all(this.#makings);
    await this.#folders.sync(dirname(path));
    return created;
  }

  /** Removes the file for good; fine when it is not there. */
  async remove(path: string): Promise<void> {
    if (await unlinkIfThere(path)) await this.#folders.sync(dirname(path));
  }

  /** Runs `action`, which makes the file `path`; again with the folder made when there was none. */
  async #inFolder<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
    try {
      return await action();
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      const making = makeFolder(dirname(path));
      this.#makings.add(making);
      try {
        await making;
      } finally {
        this.#makings.delete(making);
      }
      return await action();
    }
  }
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

const absentErrnos: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);

/** False when no file of this name was there. */
async function unlinkIfThere(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (absentErrnos.has(errnoOf(error))) return false;
    throw error;
  }
}

function errnoOf(error: unknown): unknown {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
