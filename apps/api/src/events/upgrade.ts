import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { Fault, type Clock } from '@godwit/base';
import { closeCodes, routes, type EventMessage } from '@godwit/wire';
import type { Caller } from '../http/caller.ts';
import type { Signatures } from '../http/signatures.ts';
import { connectAgainCode, sendOrCut, type Stream } from '../http/streams.ts';
import type { EventsHub } from './hub.ts';

const pingMs = 15_000;
/** Connections of one host: a few while it reconnects. */
const perHostMax = 4;
/** And of one account, here: a person has not so many machines, and accounts share the total. */
const perAccountMax = 1_024;
const inTotalMax = 10_000;

interface Parts {
  readonly signatures: Signatures;
  readonly hub: EventsHub;
  readonly clock: Clock;
}

/**
 * `GET /v1/events`. Who connects is established in the upgrade request, by the same signed headers as everywhere: a socket
 * that is open is authenticated. A foreign page cannot connect: browsers send an Origin, agents do not.
 */
export class EventStream implements Stream {
  readonly path = routes.events.path;
  readonly #parts: Parts;
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: 1024, perMessageDeflate: false, clientTracking: true });
  readonly #timer: NodeJS.Timeout;
  readonly #silent = new WeakSet<WebSocket>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#ping(), pingMs);
  }

  async take(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const caller = await this.#accept(request);
    this.#server.handleUpgrade(request, socket, head, (client) => this.#serve(client, caller));
  }

  get clients(): ReadonlySet<WebSocket> {
    return this.#server.clients;
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
    if (this.#parts.hub.listeners(caller.accountId) >= perAccountMax) throw new Fault('RATE_LIMITED', { expected: `at most ${perAccountMax} event streams of an account` });
    if (this.#server.clients.size >= inTotalMax || this.#parts.hub.streamsOf(caller.hostId) >= perHostMax) throw new Fault('RATE_LIMITED', { expected: `at most ${perHostMax} event streams of a host` });
    return caller;
  }

  #serve(client: WebSocket, caller: Caller): void {
    const { accountId, hostId } = caller;
    const tell = (message: EventMessage): void => {
      sendOrCut(client, message);
      if (message.type === 'host-revoked' && message.hostId === hostId) client.close(closeCodes.revoked);
    };
    const unsubscribe = this.#parts.hub.subscribe(caller, tell, (why) => client.close(why === 'may not listen' ? closeCodes.barred : connectAgainCode));
    client.once('close', unsubscribe);
    client.on('error', () => client.terminate());
    client.on('pong', () => this.#silent.delete(client));
    client.on('message', () => client.close(closeCodes.notAllowed));
    sendOrCut(client, { type: 'hello', accountId, hostId, timeMs: this.#parts.clock.wallMs() });
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
