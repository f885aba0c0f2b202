import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Log } from '@godwit/base';
import type { Admission, View } from './admission.ts';
import { cookieName, readRequest, refusal } from './page-request.ts';
import type { PageFile } from './page-files.ts';

/** Of what a browser sends: keys, the pointer, a piece of clipboard. A longer one ends the connection. */
export const frameBytesMax = 64 * 1024;
const headerBytesMax = 16 * 1024;
const requestMs = 10_000;
const connectionsMax = 64;
/** Of one view: windows side by side are fine, a flood is not. */
const socketsPerViewMax = 8;
/** A browser answers a ping by itself; one that missed two is gone. */
const pingMs = 20_000;

/** Which stream of a view is asked for. */
export type Stream = 'screen' | 'state';

export interface PageServerParts {
  readonly admission: Admission;
  readonly files: ReadonlyMap<string, PageFile>;
  readonly log: Log;
  /** The link of `view` was used. */
  readonly onEntered: (view: View) => void;
  /** Takes over an accepted stream. */
  readonly onStream: (stream: Stream, view: View, socket: WebSocket) => void;
}

/** The page of `godwit view`: HTTP and WebSocket on 127.0.0.1, for whoever came by a link that was good once. */
export class PageServer {
  readonly #parts: PageServerParts;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: frameBytesMax, perMessageDeflate: false });
  readonly #open = new Map<string, number>();
  #host = '';

  private constructor(parts: PageServerParts) {
    this.#parts = parts;
    this.#server = createServer({ maxHeaderSize: headerBytesMax, headersTimeout: requestMs, requestTimeout: requestMs }, (request, response) => this.#answer(request, response));
    this.#server.maxConnections = connectionsMax;
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  static async listen(parts: PageServerParts): Promise<PageServer> {
    const server = new PageServer(parts);
    // The literal address: `localhost` is two, and the other one may be somebody else's.
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    server.#host = `127.0.0.1:${(server.#server.address() as AddressInfo).port}`;
    return server;
  }

  urlOf(view: View, token: string): string {
    return `http://${this.#host}/${view.place}/?token=${token}`;
  }

  close(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(this.#headers())) response.setHeader(name, value);
    const say = (status: number, text: string): void => void response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(`${text}\n`);
    const { admission, files, onEntered } = this.#parts;
    const asked = readRequest(request, this.#host, false);
    if (asked.kind === 'refused') return say(asked.status, asked.reason);
    if (asked.kind === 'link') {
      const cookie = admission.enter(asked.place, asked.token);
      const view = admission.admit(asked.place, cookie);
      if (cookie === undefined || view === undefined) return say(403, refusal);
      onEntered(view);
      // Lax, not Strict: the link is followed from outside of any page of ours, and Strict would withhold it from the answer to that.
      response.writeHead(303, { location: `/${view.place}/`, 'set-cookie': `${cookieName}=${cookie}; Path=/${view.place}/; HttpOnly; SameSite=Lax` }).end();
      return;
    }
    if (admission.admit(asked.place, asked.cookie) === undefined) return say(403, refusal);
    const file = files.get(asked.file);
    if (file === undefined) return say(404, 'there is no such file');
    response.writeHead(200, { 'content-type': file.type, 'content-length': file.bytes.length }).end(file.bytes);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', (error) => this.#parts.log.debug('view-connection-lost', { error }));
    const refuse = (status: number, text: string): void => void socket.end(`HTTP/1.1 ${status} Refused\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    const asked = readRequest(request, this.#host, true);
    if (asked.kind === 'refused') return refuse(asked.status, asked.reason);
    const view = asked.kind === 'file' ? this.#parts.admission.admit(asked.place, asked.cookie) : undefined;
    if (asked.kind !== 'file' || view === undefined) return refuse(403, refusal);
    const { file } = asked;
    if (file !== 'screen' && file !== 'state') return refuse(404, 'there is no such stream');
    const open = this.#open.get(view.place) ?? 0;
    if (open >= socketsPerViewMax) return refuse(429, 'too many windows of one view');
    this.#open.set(view.place, open + 1);
    // Counted from the request on; the socket's own end is the only one that there always is.
    socket.once('close', () => this.#leave(view));
    this.#sockets.handleUpgrade(request, socket, head, (stream) => this.#take(file, view, stream));
  }

  #take(file: Stream, view: View, stream: WebSocket): void {
    const { admission, log, onStream } = this.#parts;
    stream.on('error', (error) => log.info('view-stream-failed', { stream: file, error: error.message })); // `close` follows.
    const gone = admission.look(view);
    const end = (): void => stream.close(1001, 'the view has ended');
    view.ended.addEventListener('abort', end, { once: true });
    const heart = beat(stream);
    stream.once('close', () => {
      heart();
      view.ended.removeEventListener('abort', end);
      gone();
    });
    onStream(file, view, stream);
  }

  #leave({ place }: View): void {
    const open = (this.#open.get(place) ?? 1) - 1;
    if (open === 0) this.#open.delete(place);
    else this.#open.set(place, open);
  }

  #headers(): Record<string, string> {
    return {
      // noVNC draws pointers and some pictures from data: addresses. Some browsers do not count WebSockets as 'self'.
      'content-security-policy': `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://${this.#host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    };
  }
}

/** Ends a stream whose browser does not answer any more. Returns the way to stop looking. */
function beat(stream: WebSocket): () => void {
  let missed = 0;
  stream.on('pong', () => (missed = 0));
  const timer = setInterval(() => {
    if (missed >= 2) return stream.terminate();
    missed += 1;
    stream.ping();
  }, pingMs).unref();
  return () => clearInterval(timer);
}
