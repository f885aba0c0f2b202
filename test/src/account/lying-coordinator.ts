import { once } from 'node:events';
import { createServer, request as ask, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a lie makes of an answer's JSON. `path` is that of the request, with its query. */
export type Lie = (answer: unknown, path: string) => unknown;

/**
 * A coordinator that lies: an HTTP proxy before the real one, which changes answers on their way. Requests go through as they are, since
 * they are signed; it has no key of anybody.
 */
export class LyingCoordinator {
  readonly #target: URL;
  readonly #server: Server;
  readonly #lies = new Map<string, Lie>();
  /** `METHOD path` of each request that came, in order. */
  readonly asked: string[] = [];

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((incoming, outgoing) => {
      this.#serve(incoming).then(
        ({ status, headers, body }) => outgoing.writeHead(status, headers).end(body),
        () => outgoing.destroy(),
      );
    });
  }

  static async before(target: string): Promise<LyingCoordinator> {
    const coordinator = new LyingCoordinator(target);
    coordinator.#server.listen(0, '127.0.0.1');
    await once(coordinator.#server, 'listening');
    return coordinator;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on, answers to `route` ("GET /v1/chain", whatever the query) are what `lie` makes of them, a refusal too. */
  lie(route: string, lie: Lie): void {
    this.#lies.set(route, lie);
  }

  honest(): void {
    this.#lies.clear();
    this.asked.length = 0;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(incoming: IncomingMessage): Promise<{ status: number; headers: Record<string, string>; body: Buffer }> {
    const path = incoming.url ?? '/';
    this.asked.push(`${incoming.method} ${path}`);
    const answer = await this.#forward(incoming, path, await bytesOf(incoming));
    const body = await bytesOf(answer);
    const type = answer.headers['content-type'] ?? 'application/json';
    const lie = this.#lies.get(`${incoming.method} ${path.split('?')[0]}`);
    if (lie === undefined) return { status: answer.statusCode ?? 502, headers: { 'content-type': type }, body };
    return { status: 200, headers: { 'content-type': type }, body: Buffer.from(JSON.stringify(lie(JSON.parse(body.toString('utf8')), path))) };
  }

  #forward({ method, headers }: IncomingMessage, path: string, body: Buffer): Promise<IncomingMessage> {
    const { hostname, port } = this.#target;
    return new Promise((resolve, reject) => {
      ask({ hostname, port, method, path, headers: { ...headers, 'content-length': String(body.length) } }, resolve).once('error', reject).end(body);
    });
  }
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of message) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
