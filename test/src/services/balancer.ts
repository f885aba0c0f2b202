import { once } from 'node:events';
import { createServer, request, type ClientRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

const lookMs = 50;

interface Target {
  readonly url: string;
  /** As `/readyz` said last. */
  ready: boolean;
  /** Requests that it has not answered yet; streams do not count. */
  underWay: number;
  /** That were passed to it so far. */
  passed: number;
}

/**
 * A load balancer as there are many, without any memory of who asked: each request and each stream goes to the next coordinator whose `/readyz`
 * answers 200. It tries nothing twice, so what a coordinator breaks off is seen.
 */
export class Balancer implements AsyncDisposable {
  readonly #server: Server;
  readonly #targets = new Map<string, Target>();
  readonly #looks: NodeJS.Timeout;
  #turn = 0;

  private constructor() {
    this.#server = createServer((incoming, answer) => this.#pass(incoming, answer));
    // A client that asks in the moment in which an idle connection is closed would not know what became of it.
    this.#server.keepAliveTimeout = 0;
    this.#server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => this.#passStream(incoming, socket, head));
    this.#looks = setInterval(() => this.#look(), lookMs);
  }

  static async start(): Promise<Balancer> {
    const balancer = new Balancer();
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when it gets requests; it takes the place of one of that name. */
  async add(name: string, url: string): Promise<void> {
    const target = { url, ready: false, underWay: 0, passed: 0 };
    this.#targets.set(name, target);
    await until(() => target.ready);
  }

  /** Resolves when a coordinator has said that it will stop, and owes nobody an answer. */
  async left(name: string): Promise<void> {
    const target = this.#targets.get(name);
    await until(() => target?.ready === false && target.underWay === 0);
    this.#targets.delete(name);
  }

  /** Resolves when the coordinator has got so many more requests. */
  async passes(name: string, requests: number): Promise<void> {
    const target = this.#targets.get(name)!;
    const goal = target.passed + requests;
    await until(() => target.passed >= goal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#looks);
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #look(): void {
    for (const target of this.#targets.values()) {
      const asked = request(new URL('/readyz', target.url), { agent: false }, (response) => {
        response.resume();
        target.ready = response.statusCode === 200;
      });
      asked.once('error', () => (target.ready = false));
      asked.end();
    }
  }

  #next(): Target | undefined {
    const ready = [...this.#targets.values()].filter((target) => target.ready);
    return ready[(this.#turn += 1) % ready.length];
  }

  #pass(incoming: IncomingMessage, answer: ServerResponse): void {
    const target = this.#next();
    if (target === undefined) {
      answer.writeHead(503).end();
      return;
    }
    target.underWay += 1;
    target.passed += 1;
    const onward = onwardOf(incoming, target);
    onward.once('close', () => (target.underWay -= 1));
    onward.once('response', (response) => {
      // What it says of its own connection is not about this one.
      delete response.headers.connection;
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    onward.once('error', () => answer.destroy());
    incoming.pipe(onward);
  }

  #passStream(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    const target = this.#next();
    if (target === undefined) {
      socket.destroy();
      return;
    }
    const onward = onwardOf(incoming, target);
    onward.once('upgrade', (response, far, farHead) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${Object.entries(response.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`).join('')}\r\n`);
      far.write(head);
      socket.write(farHead);
      far.pipe(socket).pipe(far);
      for (const [one, other] of [[socket, far], [far, socket]] as const) {
        one.once('close', () => other.destroy());
        one.on('error', () => other.destroy());
      }
    });
    onward.once('response', () => socket.destroy());
    onward.once('error', () => socket.destroy());
    onward.end();
  }
}

function onwardOf(incoming: IncomingMessage, target: Target): ClientRequest {
  return request(new URL(incoming.url ?? '/', target.url), { method: incoming.method, headers: incoming.headers, agent: false });
}

/** The limit of the test ends it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}
