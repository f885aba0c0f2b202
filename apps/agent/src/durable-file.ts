import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault } from '@godwit/base';

/** The newest write of each path that is under way: they share a temporary file, so they take turns. */
const underWay = new Map<string, Promise<void>>();

/**
 * Replaces the file at `path` with `bytes`, mode 0600. After it resolves the new content survives a power cut;
 * if it fails or the machine dies in between, the old content is whole. (fsync of file and folder around rename(2).)
 * Writes of one path happen in the order of the calls. Throws DISK_FULL, or what the file system says.
 */
export async function writeDurably(path: string, bytes: Uint8Array | string): Promise<void> {
  const before = underWay.get(path) ?? Promise.resolve();
  // A write that failed has told its own caller; the next one has its own chance.
  const writing = before.then(() => replace(path, bytes), () => replace(path, bytes));
  underWay.set(path, writing);
  try {
    await writing;
  } finally {
    if (underWay.get(path) === writing) underWay.delete(path);
  }
}

async function replace(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    // Left there by a machine that died: it may have another mode.
    await rm(temporary, { force: true });
    await using file = await open(temporary, 'wx', 0o600);
    await file.writeFile(bytes);
    await file.sync();
    await rename(temporary, path);
    await syncPath(dirname(path));
  } catch (error) {
    // One that stays is removed before the next write; why this one failed is what counts.
    await rm(temporary, { force: true }).catch(() => undefined);
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    throw code === 'ENOSPC' || code === 'EDQUOT' ? new Fault('DISK_FULL', { subject: path, cause: error }) : error;
  }
}

/** What the file or folder at `path` holds survives a power cut when this resolves; of a folder: which names are in it. */
export async function syncPath(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

/** Makes the folder, and those above it that are missing; durable when it resolves. */
export async function makeFolderDurably(path: string, mode: number): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    await syncPath(dirname(made));
    if (made === first) return;
  }
}
