import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What the proxy says in the coordinator's place; undefined: the coordinator is asked. Never sees the body of what it lets through. */
export type Lie = (request: { readonly method: string; readonly path: string; readonly body: () => Promise<Buffer> }) => Promise<unknown> | undefined;

/** Stands between hosts and their coordinator, and answers in its place when it is told to: a coordinator that lies. */
export class LyingProxy {
  lie: Lie = () => undefined;
  readonly #server: Server;
  readonly #target: string;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((incoming, answer) => void this.#serve(incoming, answer).catch(() => answer.destroy()));
  }

  static async before(target: string): Promise<LyingProxy> {
    const proxy = new LyingProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const said = await this.lie({ method: incoming.method ?? '', path: incoming.url ?? '', body: () => buffer(incoming) });
    if (said !== undefined) {
      answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(said));
      return;
    }
    const onward = request(new URL(incoming.url ?? '/', this.#target), { method: incoming.method, headers: incoming.headers });
    const answered = once(onward, 'response') as Promise<[IncomingMessage]>;
    incoming.pipe(onward);
    const [response] = await answered;
    answer.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(answer);
  }
}
