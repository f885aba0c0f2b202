import { chmod, chown, lstat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { Fault, type Log } from '@godwit/base';
import { NbdConnection, type SharedLoad } from './connection.ts';
import type { NbdExport } from './export.ts';
import { nbdLimits } from './protocol.ts';

export interface NbdServerOptions {
  /** At most 107 bytes. A socket left there by a dead process is replaced; a live one, or a file of another kind, is a fault. */
  readonly socketPath: string;
  readonly exports: readonly NbdExport[];
  readonly log: Log;
  /** Who may connect, if not the user of this process: QEMU's own user. The socket's mode is 0600 either way. */
  readonly ownerUid?: number;
  readonly ownerGid?: number;
  /** For tests; the default is the limit. */
  readonly handshakeMs?: number;
}

export interface NbdServer {
  /** Cuts off every client and removes the socket. Requests already with a backend run on there, unanswered. May be called twice. */
  close(): Promise<void>;
}

/** Listens when the promise resolves. VALUE_OUT_OF_RANGE for exports that make no sense, NBD_SOCKET_UNUSABLE when the path can't be listened on. */
export async function serveNbd(options: NbdServerOptions): Promise<NbdServer> {
  checkOptions(options);
  const { socketPath, exports, log } = options;
  const connections = new Set<NbdConnection>();
  const load: SharedLoad = {
    bytes: 0,
    eased: (by) => {
      // Whoever just had room queues up behind the others for the next.
      if (connections.delete(by)) connections.add(by);
      for (const connection of [...connections]) connection.pump();
    },
  };
  const server = createServer((socket) => {
    if (connections.size >= nbdLimits.connections) {
      log.warn('nbd-connection-refused', { socketPath, limit: nbdLimits.connections });
      socket.destroy();
      return;
    }
    const connection = new NbdConnection({ socket, exports, log, load, handshakeMs: options.handshakeMs ?? nbdLimits.handshakeMs });
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      // Node removes the socket file itself when a listening pipe is closed.
      server.close(() => resolve());
      for (const connection of connections) connection.cut();
    });
    return closing;
  };
  await removeDeadSocket(socketPath);
  await listen(server, socketPath);
  try {
    await chmod(socketPath, 0o600);
    if (options.ownerUid !== undefined || options.ownerGid !== undefined) await chown(socketPath, options.ownerUid ?? -1, options.ownerGid ?? -1);
  } catch (error) {
    await close();
    throw unusable(socketPath, error);
  }
  server.on('error', (error) => log.error('nbd-server-failed', { socketPath, error }));
  return { close };
}

function checkOptions({ socketPath, exports }: NbdServerOptions): void {
  const pathBytes = Buffer.byteLength(socketPath);
  if (pathBytes > nbdLimits.socketPathBytes) {
    throw new Fault('NBD_SOCKET_UNUSABLE', { subject: socketPath, expected: `a path of at most ${nbdLimits.socketPathBytes} bytes`, found: String(pathBytes) });
  }
  for (const { name, lengthBytes, readOnly, backend } of exports) {
    const nameBytes = Buffer.byteLength(name);
    if (nameBytes > nbdLimits.nameBytes || name.includes('\0')) {
      throw new Fault('VALUE_OUT_OF_RANGE', { subject: 'export name', expected: `at most ${nbdLimits.nameBytes} bytes, none of them zero`, found: `${nameBytes} bytes` });
    }
    if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 0) {
      throw new Fault('VALUE_OUT_OF_RANGE', { subject: `export ${name}`, expected: 'a length in bytes', found: String(lengthBytes) });
    }
    if (!readOnly && backend.write === undefined) {
      throw new Fault('VALUE_OUT_OF_RANGE', { subject: `export ${name}`, expected: 'a backend that writes', found: 'one that only reads' });
    }
  }
  if (new Set(exports.map(({ name }) => name)).size < exports.length) throw new Fault('VALUE_OUT_OF_RANGE', { subject: 'exports', expected: 'names that differ' });
}

/** A path on which nobody listens any more is what an ended process leaves behind. */
async function removeDeadSocket(socketPath: string): Promise<void> {
  const found = await lstat(socketPath).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw unusable(socketPath, error);
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Fault('NBD_SOCKET_UNUSABLE', { subject: socketPath, expected: 'a free path', found: 'a file that is no socket' });
  const answer = await new Promise<unknown>((resolve) => {
    const probe = connect(socketPath, () => {
      probe.destroy();
      resolve('a process that listens there');
    }).once('error', resolve);
  });
  if (errorCode(answer) === 'ECONNREFUSED') await unlink(socketPath);
  else throw new Fault('NBD_SOCKET_UNUSABLE', { subject: socketPath, expected: 'a free path', found: typeof answer === 'string' ? answer : 'a socket in use', cause: answer });
}

function listen(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(unusable(socketPath, error));
    server.once('error', failed);
    // The socket appears inside listen(), so the mask is in force for that call alone, and nobody else can ever connect.
    const mask = process.umask(0o177);
    try {
      server.listen(socketPath, () => {
        server.off('error', failed);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

function unusable(socketPath: string, cause: unknown): Fault {
  return new Fault('NBD_SOCKET_UNUSABLE', { subject: socketPath, found: errorCode(cause) ?? 'an unknown error', cause });
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
