import { chmodSync, closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, realpathSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault, lockDirectory, type Random } from '@godwit/base';
import { urlKeyBytes } from './objects/signed-url.ts';

/** Everything that one coordinator keeps on its machine: `postgres/`, `objects/`, `url-key`, `postgres.log`. */
export interface DataDirectory {
  readonly path: string;
  readonly objectsPath: string;
  readonly urlKey: Buffer;
  /** Gives the directory free for another coordinator. */
  release(): Promise<void>;
}

/**
 * Makes the directory if it is not there and takes it for this process alone. Only the owner may read it, others may pass
 * through: PostgreSQL's user has to, when the coordinator is root. Throws DATA_DIRECTORY_REFUSED, COORDINATOR_RUNNING.
 */
export async function takeDataDirectory(path: string, random: Random): Promise<DataDirectory> {
  const found = makeDirectory(path);
  const lock = await lockDirectory('coordinator', found);
  if (lock === undefined) throw new Fault('COORDINATOR_RUNNING', { subject: found });
  try {
    return { path: found, objectsPath: join(found, 'objects'), urlKey: readUrlKey(found, random), release: () => lock.release() };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function makeDirectory(path: string): string {
  try {
    makeFolders(path);
    const found = realpathSync(path);
    if (statSync(found).uid !== process.getuid?.()) throw new Fault('DATA_DIRECTORY_REFUSED', { subject: path, expected: 'a directory of its own user', found: `one of user ${statSync(found).uid}` });
    chmodSync(found, 0o711);
    return found;
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('DATA_DIRECTORY_REFUSED', { subject: path, found: (error as NodeJS.ErrnoException).code ?? 'an error', cause: error });
  }
}

/** Not `mkdirSync` with `recursive`: that one never returns below a file system that answers ENOENT to mkdir, such as /proc. */
function makeFolders(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolders(dirname(path));
  mkdirSync(path, { mode: 0o711 });
}

/** 32 random bytes, made once. Whoever has them can mint URLs to every object: 0600. */
function readUrlKey(directory: string, random: Random): Buffer {
  const path = join(directory, 'url-key');
  try {
    return requireKey(readFileSync(path), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const temporary = `${path}.unfinished`;
  const key = random(urlKeyBytes);
  writeFileSync(temporary, key, { mode: 0o600 });
  const file = openSync(temporary, 'r');
  fsyncSync(file);
  closeSync(file);
  linkSync(temporary, path);
  unlinkSync(temporary);
  return key;
}

function requireKey(key: Buffer, path: string): Buffer {
  if (key.length === urlKeyBytes) return key;
  throw new Fault('DATA_DIRECTORY_REFUSED', { subject: path, expected: `${urlKeyBytes} bytes`, found: `${key.length}`, hint: 'remove the file: a new key is made, and URLs that were given out end' });
}
