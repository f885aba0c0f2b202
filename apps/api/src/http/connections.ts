import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const objectsPrefix = '/objects/';

/**
 * Which connection makes room when there are too many: the oldest of those that hold nothing up but themselves. That is one that waits for a
 * request, sends its headers, or sends a body that its sender has not proven yet to be somebody's. Whoever sends a whole request is answered in
 * the moment in which it comes, so neither silent connections nor slow ones keep anybody out, however many they are.
 * Never in the way: a request that came whole and is being answered, an object on its way (its URL is its permission), a stream of events.
 */
export class Connections {
  readonly #most: number;
  /** Oldest first, each with the request that it carries now. */
  readonly #open = new Map<Socket, IncomingMessage | undefined>();

  /** `most`: with the streams of events, which have bounds of their own. */
  constructor(server: Server, most: number) {
    this.#most = most;
    server.on('connection', (socket) => this.#add(socket));
    server.on('request', (request, response) => this.#carry(request, response));
    // From here on it is a stream's.
    server.on('upgrade', (request) => this.#open.delete(request.socket));
  }

  #add(socket: Socket): void {
    this.#open.set(socket, undefined);
    socket.once('close', () => this.#open.delete(socket));
    if (this.#open.size <= this.#most) return;
    for (const [candidate, request] of this.#open) {
      if (!gives(request)) continue;
      candidate.destroy();
      return;
    }
    socket.destroy();
  }

  #carry(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (!this.#open.has(socket)) return;
    this.#open.set(socket, request);
    response.once('close', () => {
      if (this.#open.get(socket) === request) this.#open.set(socket, undefined);
    });
  }
}

function gives(request: IncomingMessage | undefined): boolean {
  return request === undefined || (!request.complete && request.url?.startsWith(objectsPrefix) !== true);
}
