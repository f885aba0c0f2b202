import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

/** Held by this process until it releases it or dies, however it dies. */
export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Takes the existing directory `path` for this process alone; undefined while another one has it. `purpose` is the kind of program that
 * may be there once: `coordinator`, `agent`.
 *
 * It is an abstract Unix socket (unix(7)) named after the directory's device and inode: the kernel gives the name to one process and takes
 * it back when that process dies. Nothing is ever stale. Such names belong to a network namespace: processes of two do not see each other's.
 */
export function lockDirectory(purpose: string, path: string): Promise<DirectoryLock | undefined> {
  const { dev, ino } = statSync(path);
  const name = `\0godwit-${purpose}-${createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32)}`;
  const server = createServer((socket) => socket.destroy()).unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(name, () => resolve({ release: () => closed(server) }));
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
