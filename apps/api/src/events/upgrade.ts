import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { Fault, type Clock, type Log } from '@godwit/base';
import { closeCodes, eventLimitBytes, problemMediaType, problemOf, routes, type EventMessage } from '@godwit/wire';
import type { Caller } from '../http/caller.ts';
import type { Signatures } from '../http/signatures.ts';
import type { EventsHub } from './hub.ts';

/** What may wait for one client: some hundred messages; a client further behind reads the state again instead. */
const queueLimitBytes = 256 * 1024;
const pingMs = 15_000;
/** Connections of one host: a few while it reconnects. */
const perHostMax = 4;
const inTotalMax = 10_000;

interface Parts {
  readonly signatures: Signatures;
  readonly hub: EventsHub;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * `GET /v1/events`. Who connects is established in the upgrade request, by the same signed headers as everywhere: a socket
 * that is open is authenticated. A foreign page cannot connect: browsers send an Origin, agents do not.
 */
export class EventStream {
  readonly #parts: Parts;
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: 1024, perMessageDeflate: false, clientTracking: true });
  readonly #timer: NodeJS.Timeout;
  readonly #silent = new WeakSet<WebSocket>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#ping(), pingMs);
  }

  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      this.#accept(request).then(
        (caller) => this.#server.handleUpgrade(request, socket, head, (client) => this.#serve(client, caller)),
        (error: unknown) => this.#refuse(socket, error),
      );
    });
  }

  close(): void {
    clearInterval(this.#timer);
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }

  async #accept(request: IncomingMessage): Promise<Caller> {
    if (request.url !== routes.events.path) throw new Fault('ROUTE_NOT_FOUND');
    if (request.headers.origin !== undefined) throw new Fault('REQUEST_UNSIGNED', { expected: 'a host, not a page of a browser' });
    const caller = await this.#parts.signatures.callerOf(request, Buffer.alloc(0));
    if (this.#server.clients.size >= inTotalMax || this.#parts.hub.streamsOf(caller.hostId) >= perHostMax) throw new Fault('RATE_LIMITED', { expected: `at most ${perHostMax} event streams of a host` });
    return caller;
  }

  #refuse(socket: Duplex, error: unknown): void {
    const fault = Fault.from(error);
    if (fault.kind === 'internal') this.#parts.log.error('events.refused', { error });
    const problem = problemOf(fault);
    const body = JSON.stringify(problem);
    socket.end(`HTTP/1.1 ${problem.status} ${fault.code}\r\nContent-Type: ${problemMediaType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  }

  #serve(client: WebSocket, caller: Caller): void {
    const { accountId, hostId } = caller;
    const tell = (message: EventMessage): void => {
      send(client, message);
      if (message.type === 'host-revoked' && message.hostId === hostId) client.close(closeCodes.revoked);
    };
    const unsubscribe = this.#parts.hub.subscribe(caller, tell, () => client.close(closeCodes.barred));
    client.once('close', unsubscribe);
    client.on('error', () => client.terminate());
    client.on('pong', () => this.#silent.delete(client));
    client.on('message', () => client.close(closeCodes.notAllowed));
    send(client, { type: 'hello', accountId, hostId, timeMs: this.#parts.clock.wallMs() });
  }

  /** Who has not answered the last ping is gone. */
  #ping(): void {
    for (const client of this.#server.clients) {
      if (this.#silent.has(client)) client.terminate();
      else {
        this.#silent.add(client);
        client.ping();
      }
    }
  }
}

/** A client that does not take its messages is cut: its queue is bounded, and others do not wait for it. */
function send(client: WebSocket, message: EventMessage): void {
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
