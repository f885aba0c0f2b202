import { constants } from 'node:fs';
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, systemRandom, type FaultCode, type Random } from '@godwit/base';
import { checkKey } from '../layout.ts';
import { objectBytesMax } from '../limits.ts';
import { checkBody, checkRange, shortObject, type ByteRange, type ObjectStore, type StoredObject } from './object-store.ts';
import { OnceWritten } from './once-written.ts';

export interface DirectoryStoreOptions {
  /** Created when it is not there; belongs to the store alone. */
  readonly directory: string;
  readonly random?: Random;
}

/** Objects as files, each written once. */
export function directoryStore({ directory, random = systemRandom }: DirectoryStoreOptions): ObjectStore {
  const files = new OnceWritten(directory, random);
  const pathOf = (key: string): string => join(directory, checkKey(key));
  return {
    async put(key, body) {
      checkBody(key, body);
      const path = pathOf(key);
      await classified(key, async () => {
        if (await files.create(path, (file) => file.writeFile(body))) return;
        const present = await readWhole(path, key);
        if (!present.equals(body)) throw new Fault('OBJECT_EXISTS', { subject: key });
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
      await classified(key, () => files.remove(path));
    },
  };
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
