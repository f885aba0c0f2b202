import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QmpSession, quit } from '@godwit/qemu';

export const memoryBytes = 64 * 1024 * 1024;

export interface BareMachine {
  readonly qmp: QmpSession;
  readonly directory: string;
  readonly pid: number;
  /** The guest's physical memory from 0 to 64 MiB. The machine must be paused for it to mean anything. */
  readMemory(): Promise<Buffer>;
  /** What QEMU said on its standard error so far. */
  complaints(): string;
  /** Ends QEMU, politely unless it is known to hang, and removes its files. */
  end(manner?: 'quit' | 'kill'): Promise<void>;
}

/** A machine of firmware only, under software emulation: SeaBIOS finds nothing to boot and idles. */
export async function startBareMachine(...extra: readonly string[]): Promise<BareMachine> {
  const directory = await mkdtemp(join(tmpdir(), 'godwit-qemu-'));
  const path = join(directory, 'qmp');
  const child = spawn(
    'qemu-system-x86_64',
    [
      '-machine', 'pc-q35-7.2', '-accel', 'tcg', '-cpu', 'Nehalem-v1,la57=off', '-m', '64', '-nodefaults', '-display', 'none', '-vga', 'std', '-net', 'none',
      '-qmp', `unix:${path},server=on,wait=off`, '-qmp', `unix:${join(directory, 'guard')},server=on,wait=off`, ...extra,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaints = '';
  child.stderr.on('data', (text: Buffer) => (complaints = (complaints + text.toString('utf8')).slice(-4096)));
  const gone = new AbortController();
  child.once('exit', (code, signal) => gone.abort(new Error(`QEMU ended (${code ?? signal}): ${complaints}`)));
  const end = async (qmp?: QmpSession, manner: 'quit' | 'kill' = 'quit'): Promise<void> => {
    if (manner === 'kill') child.kill('SIGKILL');
    else if (qmp?.state === 'ready') await quit(qmp, { timeoutMs: 2000 }).catch(() => undefined); // It is killed below if it is still there.
    qmp?.close();
    await endChild(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const qmp = await QmpSession.connect(path, { signal: gone.signal });
    const readMemory = async (): Promise<Buffer> => {
      const file = join(directory, `memory-${performance.now()}`);
      await qmp.execute('pmemsave', { val: 0, size: memoryBytes, filename: file });
      return readFile(file);
    };
    return { qmp, directory, pid: child.pid!, readMemory, complaints: () => complaints, end: (manner) => end(qmp, manner) };
  } catch (error) {
    await end();
    throw error;
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), 1000);
  await exited;
  clearTimeout(timer);
}

/** Listens at `path`; `connection` is the first one. */
export async function acceptOne(path: string): Promise<{ readonly connection: Promise<Socket> }> {
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  const connection = once(server, 'connection').then(([socket]) => {
    server.close();
    return socket as Socket;
  });
  return { connection };
}

export async function connectTo(path: string): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket;
}

/** Writes `buffers` in order and waits while the socket is full. */
export async function writeAll(socket: Socket, buffers: readonly Buffer[]): Promise<void> {
  socket.cork();
  let room = true;
  for (const buffer of buffers) room = socket.write(buffer);
  socket.uncork();
  if (!room && socket.writableLength > 0) await once(socket, 'drain');
}
