import { open, rename, rm } from 'node:fs/promises';
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
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    throw code === 'ENOSPC' || code === 'EDQUOT' ? new Fault('DISK_FULL', { subject: path, cause: error }) : error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}
