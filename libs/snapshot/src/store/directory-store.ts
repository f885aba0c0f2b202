import { constants } from 'node:fs';
import { link, mkdir, open, readdir, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault, systemRandom, type FaultCode, type Random } from '@godwit/base';
import { checkKey } from '../layout.ts';
import { objectBytesMax } from '../limits.ts';
import { checkBody, checkRange, shortObject, type ByteRange, type ObjectStore, type StoredObject } from './object-store.ts';

export interface DirectoryStoreOptions {
  /** Created when it is not there; belongs to the store alone. */
  readonly directory: string;
  readonly random?: Random;
}

/** Holds half-written files. A key cannot name it: no segment of a key begins with a dot. */
const temporaryFolder = '.incoming';

/**
 * Objects as files. A write goes to a temporary file, is synced, then linked to its name (which fails if the name is taken, so
 * the link is both the exclusive creation and the moment of durability, once its folders are synced).
 */
export function directoryStore({ directory, random = systemRandom }: DirectoryStoreOptions): ObjectStore {
  const pathOf = (key: string): string => join(directory, checkKey(key));
  return {
    async put(key, body) {
      checkBody(key, body);
      const path = pathOf(key);
      await classified(key, async () => {
        if (await createExclusive(directory, path, body, random)) return;
        const present = await readWhole(path, key);
        if (!present.equals(body)) throw new Fault('OBJECT_EXISTS', { subject: key });
        // The one who created it may not have synced the folder yet, and this caller is told "durable" too.
        await syncFolder(dirname(path));
      }, 'STORE_UNAVAILABLE');
    },
    async get(key, range) {
      const path = pathOf(key);
      if (range !== undefined) checkRange(range);
      return await classified(key, async () => (range === undefined ? await readWhole(path, key) : await readRange(path, key, range)));
    },
    async size(key) {
      const path = pathOf(key);
      return await classified(key, async () => {
        try {
          const found = await stat(path);
          return found.isFile() ? found.size : undefined;
        } catch (error) {
          if (isAbsent(error)) return undefined;
          throw error;
        }
      });
    },
    list: (prefix) => listFolder(directory, '', prefix),
    async delete(key) {
      const path = pathOf(key);
      await classified(key, async () => {
        try {
          await unlink(path);
        } catch (error) {
          if (!isAbsent(error)) throw error;
          return;
        }
        await syncFolder(dirname(path));
      });
    },
  };
}

/** True when the file was created, false when the name was taken. */
async function createExclusive(directory: string, path: string, body: Uint8Array, random: Random): Promise<boolean> {
  const incoming = join(directory, temporaryFolder);
  await makeFolder(incoming);
  await makeFolder(dirname(path));
  const temporary = join(incoming, random(16).toString('hex'));
  const file = await open(temporary, 'wx', 0o600);
  try {
    try {
      await file.writeFile(body);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(temporary);
  }
  await syncFolder(dirname(path));
  return true;
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

async function withFile<Result>(path: string, use: (file: FileHandle) => Promise<Result>): Promise<Result> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function readWhole(path: string, key: string): Promise<Buffer> {
  return await withFile(path, async (file) => {
    const { size } = await file.stat();
    if (size > objectBytesMax) throw new Fault('PACK_CORRUPT', { subject: key, expected: `at most ${objectBytesMax} bytes`, found: `${size}` });
    return await readExactly(file, key, { offsetBytes: 0, lengthBytes: size });
  });
}

async function readRange(path: string, key: string, range: ByteRange): Promise<Buffer> {
  return await withFile(path, async (file) => {
    const { size } = await file.stat();
    if (range.offsetBytes + range.lengthBytes > size) throw shortObject(key, range, size);
    return await readExactly(file, key, range);
  });
}

async function readExactly(file: FileHandle, key: string, range: ByteRange): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(range.lengthBytes);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, range.offsetBytes + filled);
    if (bytesRead === 0) throw shortObject(key, range, range.offsetBytes + filled);
    filled += bytesRead;
  }
  return bytes;
}

async function* listFolder(directory: string, folder: string, prefix: string): AsyncGenerator<StoredObject> {
  const entries = await classified(folder, async () => {
    try {
      return await readdir(join(directory, folder), { withFileTypes: true });
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  });
  // A folder sorts as its name with the slash, so that keys come out in ascending order.
  const named = entries.filter((entry) => !entry.name.startsWith('.')).map((entry) => ({ entry, key: `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}` }));
  for (const { entry, key } of named.sort((a, b) => (a.key < b.key ? -1 : 1))) {
    if (entry.isDirectory()) {
      if (key.startsWith(prefix) || prefix.startsWith(key)) yield* listFolder(directory, key, prefix);
    } else if (entry.isFile() && key.startsWith(prefix)) {
      const found = await classified(key, async () => await stat(join(directory, key)));
      yield { key, lengthBytes: found.size };
    }
  }
}

/** Runs `action`; errors of the file system come out as the store's faults, a path that is not there as `absent`. */
async function classified<Result>(key: string, action: () => Promise<Result>, absent: FaultCode = 'OBJECT_MISSING'): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof Fault) throw error;
    const code = errorCode(error);
    if (isAbsent(error)) throw new Fault(absent, { subject: key, cause: error });
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ELOOP') throw new Fault('STORE_DENIED', { subject: key, found: code, cause: error });
    throw new Fault('STORE_UNAVAILABLE', { subject: key, found: code ?? 'an unknown error', cause: error });
  }
}

function isAbsent(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR';
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
