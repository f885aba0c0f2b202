import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { Fault, type Clock, type Log } from '@godwit/base';
import { closeCodes, routes, sessionEndedCode, type OperatorMessage } from '@godwit/wire';
import { sendOrCut, type Stream } from '../http/streams.ts';
import type { OperatorsHub } from './operators-hub.ts';
import type { OwnOrigin } from './own-origin.ts';
import type { Sessions } from './sessions.ts';
import type { Tickets } from './tickets.ts';

/** How often a page hears that all is well, and its session is looked at. */
const stillMs = 10_000;
const inTotalMax = 1_000;
/** RFC 6455, 7.4.1: come again later. */
const tryLaterCode = 1013;

interface Parts {
  readonly tickets: Tickets;
  readonly sessions: Sessions;
  readonly hub: OperatorsHub;
  readonly origin: OwnOrigin;
  readonly clock: Clock;
  readonly log: Log;
}

/** `GET /v1/operator/events?ticket=`: news for a page. Who connects is established in the upgrade request, and looked at again as long as it is open. */
export class OperatorStream implements Stream {
  readonly path = routes.operatorEvents.path;
  readonly #parts: Parts;
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: 1024, perMessageDeflate: false, clientTracking: true });
  readonly #timer: NodeJS.Timeout;

  constructor(parts: Parts, everyMs = stillMs) {
    this.#parts = parts;
    this.#timer = setInterval(() => void this.#still(), everyMs);
  }

  async take(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const sessionId = await this.#accept(request);
    this.#server.handleUpgrade(request, socket, head, (client) => this.#serve(client, sessionId));
  }

  get clients(): ReadonlySet<WebSocket> {
    return this.#server.clients;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }

  async #accept({ url = '', headers }: IncomingMessage): Promise<string> {
    const { tickets, sessions, origin } = this.#parts;
    if (headers.origin !== origin.text) throw new Fault('ORIGIN_REFUSED', { expected: origin.text, found: headers.origin ?? 'no Origin' });
    const sessionId = await tickets.take(new URLSearchParams(url.split('?')[1]).get('ticket') ?? '');
    if ((await sessions.ended([sessionId])).length > 0) throw new Fault('TICKET_REFUSED');
    if (this.#server.clients.size >= inTotalMax) throw new Fault('RATE_LIMITED', { expected: `at most ${inTotalMax} streams of news` });
    return sessionId;
  }

  #serve(client: WebSocket, sessionId: string): void {
    const unsubscribe = this.#parts.hub.subscribe({
      sessionId,
      news: (message) => sendOrCut(client, message),
      ended: () => client.close(sessionEndedCode),
      again: () => client.close(tryLaterCode),
    });
    client.once('close', unsubscribe);
    client.on('error', () => client.terminate());
    client.on('message', () => client.close(closeCodes.notAllowed));
    sendOrCut(client, { type: 'hello', timeMs: this.#parts.clock.wallMs() } satisfies OperatorMessage);
  }

  /** A session that ended elsewhere, or by itself, is found here. Without a database nobody is known to be signed in, so all are sent away. */
  async #still(): Promise<void> {
    const { hub, sessions, clock, log } = this.#parts;
    try {
      hub.end(await sessions.ended(hub.sessions()));
    } catch (error) {
      log.warn('operators.stream', { error });
      for (const client of this.#server.clients) client.close(tryLaterCode);
      return;
    }
    hub.publishHere({ type: 'still', timeMs: clock.wallMs() });
  }
}
