import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { Fault, type Log } from '@godwit/base';
import { closeCodes, eventLimitBytes, problemMediaType, problemOf } from '@godwit/wire';
import type { Drain } from './drain.ts';

/** WebSockets of the coordinator: which there are, how one is refused, and what may wait for a client. */
export interface Stream {
  /** Without the query. */
  readonly path: string;
  /** Upgrades the connection, or throws a fault before anything was written. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  readonly clients: ReadonlySet<WebSocket>;
  /** Ends those that have not gone. */
  close(): void;
}

/** RFC 6455, 7.4.1 and the registry after it: the service is being started anew, connect again. */
export const connectAgainCode = 1012;

/** How often a portion of the clients is sent away. */
const portionMs = 50;

/** What may wait for one client: some hundred messages; a client further behind reads the state again instead. */
const queueLimitBytes = 256 * 1024;

export function attachStreams(server: Server, streams: readonly Stream[], drain: Drain, log: Log): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const [path] = (request.url ?? '').split('?', 1);
    const stream = streams.find((known) => known.path === path);
    const take = async (): Promise<void> => {
      if (stream === undefined) throw new Fault('ROUTE_NOT_FOUND');
      drain.requireStaying();
      await stream.take(request, socket, head);
    };
    take().catch((error: unknown) => refuse(socket, error, log));
  });
}

/** Asks every client to connect again, which may lead it to another replica. */
export function sendAway(streams: readonly Stream[]): void {
  for (const client of openClients(streams)) client.close(connectAgainCode);
}

/** The same, a few at a time for `overMs`: each that comes to another replica has a signature there to verify. Disposing of it ends that. */
export function sendAwayEvenly(streams: readonly Stream[], overMs: number): Disposable {
  const { length: atFirst } = openClients(streams);
  let leftMs = overMs;
  const timer = setInterval(() => {
    leftMs = Math.max(0, leftMs - portionMs);
    const staying = Math.floor((atFirst * leftMs) / overMs);
    for (const client of openClients(streams).slice(staying)) client.close(connectAgainCode);
  }, portionMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function openClients(streams: readonly Stream[]): WebSocket[] {
  return streams.flatMap(({ clients }) => [...clients]).filter(({ readyState, OPEN }) => readyState === OPEN);
}

function refuse(socket: Duplex, error: unknown, log: Log): void {
  const fault = Fault.from(error);
  if (fault.kind === 'internal') log.error('events.refused', { error });
  const problem = problemOf(fault);
  const body = JSON.stringify(problem);
  socket.end(`HTTP/1.1 ${problem.status} ${fault.code}\r\nContent-Type: ${problemMediaType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}

/** A client that does not take its messages is cut: its queue is bounded, and others do not wait for it. */
export function sendOrCut(client: WebSocket, message: unknown): void {
  if (client.readyState !== client.OPEN) return;
  const text = JSON.stringify(message);
  if (Buffer.byteLength(text) > eventLimitBytes || client.bufferedAmount > queueLimitBytes) {
    client.close(closeCodes.tooSlow);
    // A close frame waits behind the same full queue.
    client.terminate();
    return;
  }
  client.send(text);
}
